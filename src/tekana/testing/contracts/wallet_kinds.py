"""Kinds of wallets: who opens and changes them, and what they are paid by."""

from __future__ import annotations

import pytest

from tekana.application import MakePayment, Session, UpdateWallet
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import PayeeNotMerchant, WalletKindForbidden
from tekana.domain.events import WalletOpened
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import Wallet
from tekana.ports.page import PageRequest
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet


def payment(payer: Wallet, payee_id: WalletId) -> MakePayment:
    """Build a payment."""
    return MakePayment(from_wallet_id=payer.id, to_wallet_id=payee_id, amount="10", currency="RWF")


async def a_merchant(app: Session, amount: str | None = None) -> Wallet:
    """Register a customer, change their first wallet into a merchant's, and return it, with the amount in it."""
    wallet = await a_wallet(app, amount)
    return await app.execute(UpdateWallet(wallet_id=wallet.id, kind="merchant"))


class WalletKindsContract(Contract):
    """The contract of kinds of wallets."""

    async def test_a_wallet_keeps_its_kind(self, app: Session) -> None:
        owner = await a_customer(app, "100")
        [personal] = owner.wallets
        shop = await app.execute(builders.open_wallet(owner.customer.id, kind="merchant"))
        assert [personal.kind, shop.kind] == ["personal", "merchant"]
        changed = await app.execute(UpdateWallet(wallet_id=personal.id, kind="merchant"))
        assert [changed.kind, changed.sequence] == ["merchant", personal.sequence + 1]
        again = await app.execute(UpdateWallet(wallet_id=personal.id, kind="merchant"))
        assert again == changed
        assert [(await app.wallets.get(one)).kind for one in (personal.id, shop.id)] == ["merchant", "merchant"]
        opened = [
            one.event for one in (await app.events.list(PageRequest())).items if isinstance(one.event, WalletOpened)
        ]
        assert [(one.wallet_id, one.kind) for one in opened] == [(personal.id, "personal"), (shop.id, "merchant")]

    async def test_a_payment_goes_to_a_merchants_wallet(self, app: Session) -> None:
        payer, person, merchant = await a_wallet(app, "100"), await a_wallet(app), await a_merchant(app)
        with pytest.raises(PayeeNotMerchant) as refused:
            await app.execute(payment(payer, person.id))
        assert refused.value.transaction is not None
        assert refused.value.transaction.status == "rejected"
        await app.execute(payment(payer, merchant.id))
        assert [(await app.wallets.get(one.id)).ledger_balance for one in (payer, person, merchant)] == [90, 0, 10]

    async def test_customers_open_no_merchants_wallets_and_only_operators_change_kinds(self, app: Session) -> None:
        owner = await a_customer(app)
        as_customer = app.as_caller(customer_caller(MAIN_TENANT, owner.customer.id))
        as_partner = app.as_caller(builders.partner(MAIN_TENANT))
        own = await as_customer.execute(builders.open_wallet(owner.customer.id))
        opened = await as_partner.execute(builders.open_wallet(owner.customer.id, kind="merchant"))
        with pytest.raises(WalletKindForbidden):
            await as_customer.execute(builders.open_wallet(owner.customer.id, kind="merchant"))
        for session in (as_customer, as_partner):
            with pytest.raises(WalletKindForbidden):
                await session.execute(UpdateWallet(wallet_id=own.id, kind="merchant"))
            with pytest.raises(WalletKindForbidden):
                await session.execute(UpdateWallet(wallet_id=opened.id, kind="personal"))
        assert [(await app.wallets.get(one.id)).kind for one in (own, opened)] == ["personal", "merchant"]
