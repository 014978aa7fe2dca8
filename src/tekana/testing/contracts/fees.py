"""Fee schedules, and what transactions cost by them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tekana.application import CreateFeeSchedule, EndFeeSchedule, ReverseTransaction, Session, SetRate
from tekana.application.commands.fees.schedule_fields import NewFeeBand, NewFeeShare
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import (
    CurrencyMismatch,
    FeeExceedsAmount,
    FeeScheduleEnded,
    FeeScheduleNotFound,
    FeeScheduleOverlaps,
    Forbidden,
    HouseForbidden,
    InsufficientFunds,
    TenantMismatch,
    WalletNotFound,
)
from tekana.domain.fees import FeeBand, FeeSchedule, FeeShare
from tekana.domain.identifiers import HouseRole, house_wallet_id
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.testing import builders
from tekana.testing.builders import RWF, atomic
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_outcomes, transactions_of
from tekana.testing.contracts.wallet_kinds import a_merchant, payment


def a_schedule(type_: str = "transfer", flat: str = "10", **changes: Any) -> CreateFeeSchedule:
    """Build a fee schedule of one band, which the payer pays."""
    fields = {"transaction_type": type_, "currency": "RWF", "paid_by": "payer", "bands": (NewFeeBand(flat=flat),)}
    return CreateFeeSchedule(**(fields | changes))


async def house_balance(app: Session, role: HouseRole) -> int:
    """Return the ledger balance of a house wallet, in all its stripes."""
    found = 0
    for stripe in range(2):
        try:
            found += (await app.wallets.get(house_wallet_id(role, RWF, stripe))).ledger_balance
        except WalletNotFound:
            continue
    return found


async def balances(app: Session, *wallets: Wallet) -> list[int]:
    """Return the ledger balances of wallets."""
    return [(await app.wallets.get(one.id)).ledger_balance for one in wallets]


class FeesContract(Contract):
    """The contract of fee schedules and fees."""

    async def test_a_schedule_is_kept(self, app: Session, clock: FrozenClock) -> None:
        shop = await a_merchant(app)
        until = clock() + timedelta(days=5)
        command = a_schedule(
            tier="2",
            tenant=MAIN_TENANT,
            bands=(NewFeeBand(up_to="1000", flat="20"), NewFeeBand(percentage="0.5")),
            minimum="5",
            maximum="500",
            tax_percentage="18",
            shares=(NewFeeShare(wallet_id=shop.id, percentage="30"),),
            valid_until=until,
        )
        created = await app.execute(command, key="a schedule")
        assert created == FeeSchedule(
            id=created.id,
            transaction_type="transfer",
            currency=RWF,
            tier="2",
            tenant=MAIN_TENANT,
            paid_by="payer",
            bands=(FeeBand(1000, 20, 0), FeeBand(None, 0, 5000)),
            minimum=5,
            maximum=500,
            tax_ppm=180_000,
            shares=(FeeShare(shop.id, 300_000),),
            valid_from=clock(),
            valid_until=until,
            created_by=app.caller.subject,
            created_at=clock(),
        )
        assert await app.fee_schedules.get(created.id) == created
        other = await app.execute(a_schedule("deposit", paid_by="payee"))
        assert await app.fee_schedules.list() == (created, other)
        assert await app.execute(command, key="a schedule") == created
        clock.advance(timedelta(days=1))
        ended = await app.execute(EndFeeSchedule(fee_schedule_id=created.id))
        assert ended.valid_until == clock()
        assert await app.fee_schedules.get(created.id) == ended
        with pytest.raises(FeeScheduleEnded):
            await app.execute(EndFeeSchedule(fee_schedule_id=created.id))

    async def test_who_creates_and_who_sees_schedules(self, app: Session) -> None:
        everywhere = await app.execute(a_schedule())
        north = await app.execute(a_schedule(tenant="north"))
        south = await app.execute(a_schedule(tenant="south"))
        partner = app.as_caller(builders.partner("north"))
        assert await partner.fee_schedules.list() == (everywhere, north)
        with pytest.raises(FeeScheduleNotFound):
            await partner.fee_schedules.get(south.id)
        with pytest.raises(Forbidden):
            await partner.execute(a_schedule("deposit", paid_by="payee"))
        operator = app.as_caller(replace(app.caller, scopes=app.caller.scopes - {"tenants:all"}))
        with pytest.raises(HouseForbidden):
            await operator.execute(a_schedule("deposit", paid_by="payee"))
        with pytest.raises(HouseForbidden):
            await operator.execute(EndFeeSchedule(fee_schedule_id=north.id))
        owner = await a_customer(app)
        with pytest.raises(Forbidden):
            await app.as_caller(customer_caller(MAIN_TENANT, owner.customer.id)).fee_schedules.list()

    async def test_shares_go_to_wallets_of_the_tenant_in_the_currency(self, app: Session) -> None:
        shop = await a_merchant(app)
        shares = (NewFeeShare(wallet_id=shop.id, percentage="30"),)
        with pytest.raises(TenantMismatch):
            await app.execute(a_schedule(tenant="north", shares=shares))
        with pytest.raises(CurrencyMismatch):
            await app.execute(a_schedule(currency="USD", tenant=MAIN_TENANT, shares=shares))
        house = NewFeeShare(wallet_id=house_wallet_id("fees", RWF), percentage="30")
        with pytest.raises(WalletNotFound):
            await app.execute(a_schedule(tenant=MAIN_TENANT, shares=(house,)))

    async def test_of_schedules_for_the_same_at_once_one_is_created(self, crew: Sequence[Session]) -> None:
        outcomes = await all_outcomes(crew[n % len(crew)].execute(a_schedule(flat=str(n + 1))) for n in range(8))
        created = [one for one in outcomes if isinstance(one, FeeSchedule)]
        assert len(created) == 1
        assert {type(one) for one in outcomes} == {FeeSchedule, FeeScheduleOverlaps}
        assert await crew[0].fee_schedules.list() == tuple(created)

    async def test_a_fee_is_posted_with_its_transaction(self, app: Session) -> None:
        payer, shop, agent = await a_wallet(app, "1000"), await a_merchant(app), await a_merchant(app)
        shares = (NewFeeShare(wallet_id=agent.id, percentage="30"),)
        await app.execute(
            a_schedule("payment", "99", tenant=MAIN_TENANT, tax_percentage="18", shares=shares), key="a schedule"
        )
        posted = await app.execute(payment(payer, shop.id), key="a payment")
        charge = posted.request.charge
        assert charge is not None
        assert (charge.fee, charge.tax, charge.paid_by, charge.shares) == (99, 18, "payer", ((agent.id, 29),))
        assert [one.amount_minor for one in posted.entries] == [-10, 10, -99, 99, -18, 18, -29, 29]
        assert posted.request.amount.minor == 10
        assert await app.transactions.get(posted.id) == posted
        assert await app.execute(payment(payer, shop.id), key="a payment") == posted
        assert await balances(app, payer, shop, agent) == [1000 - 127, 10, 29]
        assert (await house_balance(app, "fees"), await house_balance(app, "taxes")) == (70, 18)
        preview = await app.preview(payment(payer, shop.id))
        assert preview.request.charge == charge

    async def test_a_refused_transaction_has_no_fee(self, app: Session) -> None:
        payer, shop = await a_wallet(app, "100"), await a_merchant(app)
        await app.execute(a_schedule("payment", "91"))
        with pytest.raises(InsufficientFunds) as refused:
            await app.execute(payment(payer, shop.id))
        assert refused.value.transaction is not None
        assert refused.value.transaction.request.charge is None
        await app.execute(a_schedule("transfer", "11", paid_by="payee"))
        with pytest.raises(FeeExceedsAmount):
            await app.execute(builders.transfer(payer.id, shop.id, "10"))
        assert await balances(app, payer, shop) == [100, 0]

    async def test_a_batch_of_all_or_none_takes_back_fees(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        await app.execute(a_schedule())
        one = builders.transfer(payer.id, payee.id, "20")
        refused = transactions_of(await app.submit_batch(atomic(one, one, one, one)))
        assert [two.rejection and two.rejection.code for two in refused] == [
            *["rolled_back"] * 3,
            "insufficient_funds",
        ]
        assert [two.request.charge for two in refused] == [None] * 4
        assert (await balances(app, payer, payee), await house_balance(app, "fees")) == ([100, 0], 0)
        done = transactions_of(await app.submit_batch(atomic(one, one, one)))
        assert [len(two.entries) for two in done] == [4] * 3
        assert (await balances(app, payer, payee), await house_balance(app, "fees")) == ([10, 60], 30)

    async def test_customers_see_the_fees_that_they_pay(self, app: Session) -> None:
        aline, bosco = await a_customer(app, "1000"), await a_customer(app)
        await app.execute(a_schedule())
        sent = await app.execute(builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "20"))
        of_aline = app.as_caller(customer_caller(MAIN_TENANT, aline.customer.id))
        of_bosco = app.as_caller(customer_caller(MAIN_TENANT, bosco.customer.id))
        assert (await of_aline.transactions.get(sent.id)).request.charge == sent.request.charge
        assert (await of_bosco.transactions.get(sent.id)).request.charge is None

    async def test_fees_at_once_are_all_posted(self, crew: Sequence[Session]) -> None:
        app = crew[0]
        payers, payee = [await a_wallet(app, "100") for _ in range(4)], await a_wallet(app)
        await app.execute(a_schedule(flat="1", tax_percentage="100"))
        outcomes = await all_outcomes(
            crew[n % len(crew)].execute(builders.transfer(payers[n % 4].id, payee.id, "3")) for n in range(60)
        )
        assert {type(one) for one in outcomes} == {Transaction}
        assert await balances(app, *payers, payee) == [100 - 15 * 5] * 4 + [180]
        assert sum([await house_balance(one, role) for one in crew[:1] for role in ("fees", "taxes")]) == 120

    async def test_parts_of_a_reversal_give_exactly_the_fee_back(self, app: Session) -> None:
        payer, agent, payee = await a_wallet(app, "9999"), await a_merchant(app), await a_wallet(app)
        shares = (NewFeeShare(wallet_id=agent.id, percentage="33.3333"),)
        await app.execute(a_schedule(flat="101", tenant=MAIN_TENANT, tax_percentage="18", shares=shares))
        sent = await app.execute(builders.transfer(payer.id, payee.id, "997"))
        left = 997
        while left:
            part = min(left, random.randint(1, 300))  # noqa: S311 - not a secret
            await app.execute(ReverseTransaction(transaction_id=sent.id, amount=str(part)))
            left -= part
        assert await balances(app, payer, agent, payee) == [9999, 0, 0]
        assert (await house_balance(app, "fees"), await house_balance(app, "taxes")) == (0, 0)

    async def test_an_agent_without_their_share_holds_nothing_of_the_operator(self, app: Session) -> None:
        """The operator, who was paid by a withdrawal, has money; what is missing is the agent's."""
        await app.execute(SetRate(base="USD", quote="RWF", bid="1", ask="1"))
        customer, [francs] = await a_customer(app, "900")
        dollars = await app.execute(builders.open_wallet(customer.id, "USD"))
        agent = await app.execute(builders.open_wallet(customer.id, "USD", kind="merchant"))
        await app.execute(builders.movement("exchange", francs.id, dollars.id, "900"))
        await app.execute(builders.withdrawal(dollars.id, "500", "USD"))
        shares = (NewFeeShare(wallet_id=agent.id, percentage="50"),)
        await app.execute(a_schedule("withdrawal", currency="USD", tenant=MAIN_TENANT, shares=shares))
        paid = await app.execute(builders.withdrawal(dollars.id, "100", "USD"))
        await app.execute(builders.transfer(agent.id, dollars.id, "5", "USD"))
        with pytest.raises(InsufficientFunds):
            await app.execute(ReverseTransaction(transaction_id=paid.id, hold_rest=True))
