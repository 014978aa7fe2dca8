"""Recipients: payments to a phone number, and what payers see of its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tekana.application import (
    Batch,
    CloseCustomer,
    CloseWallet,
    MakePayment,
    Session,
    SuspendCustomer,
    TransferFunds,
    UpdateCustomer,
)
from tekana.domain.caller import customer_caller
from tekana.domain.errors import InsufficientFunds, InvalidRequest, RecipientNotFound, SameWallet, WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once

NUMBER, NEW_NUMBER = "+250788000700", "+250788000701"


def to_number(payer: Wallet, amount: str = "10", number: str = NUMBER, currency: str = "RWF") -> TransferFunds:
    """Return a transfer to a phone number."""
    return TransferFunds(from_wallet_id=payer.id, to_phone_number=number, amount=amount, currency=currency)


class RecipientsContract(Contract):
    """The contract of payees who are named by their phone number."""

    async def test_money_for_a_number_enters_the_oldest_active_wallet(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), (await a_customer(app, phone_number=NUMBER)).customer
        dollars = await app.execute(builders.open_wallet(payee.id, "USD"))
        [first, _] = (await app.customers.get(payee.id)).wallets
        second = await app.execute(builders.open_wallet(payee.id, "RWF"))
        posted = await app.execute(to_number(payer, "30"), key="a key")
        assert (posted.request.from_wallet_id, posted.request.to_wallet_id) == (payer.id, first.id)
        assert (await app.preview(to_number(payer))).request.to_wallet_id == first.id
        assert await app.execute(to_number(payer, "30", "+250 788 000 700"), key="a key") == posted
        payment = MakePayment(from_wallet_id=payer.id, to_phone_number=NUMBER, amount="5", currency="RWF")
        with pytest.raises(RecipientNotFound):
            await app.execute(payment)
        shop = await app.execute(builders.open_wallet(payee.id, "RWF", kind="merchant"))
        assert (await app.execute(payment)).request.to_wallet_id == shop.id
        await app.execute(builders.transfer(first.id, second.id, "30"))
        await app.execute(CloseWallet(wallet_id=first.id))
        assert (await app.execute(to_number(payer))).request.to_wallet_id == second.id
        assert (await app.wallets.get(dollars.id)).version == 0
        with pytest.raises(InsufficientFunds):
            await app.execute(to_number(payer, "56"))

    async def test_a_number_leads_to_active_customers_of_the_tenant_only(self, app: Session) -> None:
        payer = await a_wallet(app, "100")
        elsewhere = app.as_caller(builders.partner("another tenant"))
        theirs = (await a_customer(elsewhere, phone_number=NUMBER)).customer
        await self._require_not_found(app, payer)
        payee = (await a_customer(app, phone_number=NUMBER, full_name="Émile  van Damme-Uwase")).customer
        posted = await app.execute(to_number(payer))
        assert posted.tenant == "main"
        for number in (NUMBER, "+250 788-000-700"):
            assert await app.find_recipient(number) == (NUMBER, "É*** v*** D***")
        with pytest.raises(RecipientNotFound):
            await app.execute(to_number(await app.execute(builders.open_wallet(payee.id, "USD")), currency="KWD"))
        await app.execute(SuspendCustomer(customer_id=payee.id, reason="asked"))
        await self._require_not_found(app, payer)
        await app.execute(UpdateCustomer(customer_id=payee.id, phone_number=NEW_NUMBER))
        await self._require_not_found(app, payer)
        assert (await elsewhere.customers.get(theirs.id)).wallets[0].version == 0

    async def _require_not_found(self, app: Session, payer: Wallet) -> None:
        for number in (NUMBER, NEW_NUMBER):
            for work in (app.execute(to_number(payer, number=number)), app.find_recipient(number)):
                with pytest.raises(RecipientNotFound):
                    await work

    async def test_the_number_of_a_closed_customer_leads_to_its_new_owner(self, app: Session) -> None:
        payer, old = await a_wallet(app, "100"), await a_customer(app, phone_number=NUMBER)
        await app.execute(CloseCustomer(customer_id=old.customer.id))
        new = await a_customer(app, phone_number=NUMBER)
        assert (await app.execute(to_number(payer))).request.to_wallet_id == new.wallets[0].id

    async def test_who_may_not_spend_learns_nothing_of_a_number(self, app: Session) -> None:
        payer, payee = await a_customer(app, "100"), await a_customer(app, phone_number=NUMBER)
        thief = app.as_caller(customer_caller("main", payee.customer.id))
        for number in (NUMBER, NEW_NUMBER):
            with pytest.raises(WalletNotFound):
                await thief.execute(to_number(payer.wallets[0], number=number))
        own = app.as_caller(customer_caller("main", payer.customer.id))
        assert (await own.execute(to_number(payer.wallets[0]))).entries[0].wallet_id == payer.wallets[0].id
        assert await own.find_recipient(NUMBER) == await app.find_recipient(NUMBER)

    async def test_a_number_of_the_payers_own(self, app: Session) -> None:
        payer = await a_wallet(app, "100", phone_number=NUMBER)
        with pytest.raises(SameWallet):
            await app.execute(to_number(payer))

    async def test_a_number_or_a_wallet_is_named(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app, phone_number=NUMBER)
        named = {"from_wallet_id": payer.id, "amount": "10", "currency": "RWF"}
        for wrong in ({}, {"to_wallet_id": payee.id, "to_phone_number": NUMBER}, {"to_phone_number": "0788000700"}):
            with pytest.raises(InvalidRequest):
                TransferFunds(**named, **wrong)  # type: ignore[arg-type]

    async def test_numbers_and_wallets_in_a_batch(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app, phone_number=NUMBER)
        both = (to_number(payer), builders.transfer(payer.id, payee.id, "5"))
        assert await self._payees(app, Batch(mode="atomic", transactions=both)) == [payee.id, payee.id]
        refused = Batch(mode="atomic", transactions=(*both, to_number(payer, number=NEW_NUMBER)))
        assert (await app.submit_batch(refused)).failed_index == 2
        assert (await app.wallets.get(payee.id)).ledger_balance == 15

    async def _payees(self, app: Session, batch: Batch) -> Sequence[WalletId]:
        done = (await app.submit_batch(batch)).transactions
        return [one.request.to_wallet_id for one in done if isinstance(one, Transaction)]

    async def test_numbers_that_change_meanwhile(self, app: Session, crew: Sequence[Session]) -> None:
        payer = await a_wallet(app, "1000")
        one, other = await a_customer(app, phone_number=NUMBER), await a_customer(app, phone_number=NEW_NUMBER)
        owners = {customer.wallets[0].id: [customer] for customer in (one, other)}

        async def exchange() -> None:
            turns = [(one, "+250788000702"), (other, NUMBER), (one, NEW_NUMBER)]
            turns += [(other, "+250788000702"), (one, NUMBER), (other, NEW_NUMBER)]
            for customer, number in turns * 3:
                await crew[-1].execute(UpdateCustomer(customer_id=customer.customer.id, phone_number=number))
                await asyncio.sleep(0)

        async def pay(session: Session) -> None:
            for _ in range(20):
                try:
                    posted = await session.execute(to_number(payer))
                except RecipientNotFound:
                    continue
                owners[posted.request.to_wallet_id].append(one)

        await all_at_once([exchange(), *map(pay, crew)])
        assert sum(map(len, owners.values())) > 2
