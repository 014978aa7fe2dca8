"""What reversals do with fees, their tax and their shares, and what is captured instead of reversed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tekana.application import CaptureHold, CloseWallet, CreateQuote, Session, SuspendCustomer, VerifyCustomer
from tekana.application.commands.fees.schedule_fields import NewFeeBand, NewFeeShare
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.errors import AmountTooSmall, CustomerNotActive, InsufficientFunds, NotReversible, WalletNotActive
from tekana.domain.transaction import CaptureDetails, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.exchange import DOLLAR, a_purse, exchange
from tekana.testing.contracts.fees import a_schedule, balances, house_balance
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet
from tekana.testing.contracts.holds import held_in
from tekana.testing.contracts.limits import left, tier_0
from tekana.testing.contracts.reversals import reversal, spent_money
from tekana.testing.contracts.wallet_kinds import a_merchant, payment


def shared_with(*agents: Wallet, percentage: str = "50") -> dict[str, Any]:
    """Return the fields of a fee schedule that gives wallets a share each."""
    shares = tuple(NewFeeShare(wallet_id=one.id, percentage=percentage) for one in agents)
    return {"tenant": MAIN_TENANT, "shares": shares}


async def shared_fee(app: Session, type_: str = "transfer") -> tuple[Wallet, Wallet, Wallet, Transaction]:
    """Move 100 with a fee of 10, half of it an agent's; return the payer, the payee, the agent and the transaction."""
    payer, payee, agent = await a_wallet(app, "1000"), await a_wallet(app), await a_merchant(app)
    await app.execute(a_schedule(type_, **shared_with(agent)))
    command: Any = builders.transfer(payer.id, payee.id, "100")
    return (
        payer,
        payee,
        agent,
        await app.execute(command if type_ == "transfer" else builders.withdrawal(payer.id, "100")),
    )


class FeeReversalsContract(Contract):
    """The contract of reversals of transactions with fees."""

    @pytest.mark.parametrize("type_", ["transfer", "withdrawal"])
    @pytest.mark.parametrize("hold_rest", [False, True])
    async def test_a_share_that_was_spent_refuses_a_reversal_unless_the_fee_is_kept(
        self, store: Store, app: Session, type_: str, hold_rest: bool
    ) -> None:
        """Nothing is held for the payer, as the receiver has not spent the money."""
        payer, payee, agent, moved = await shared_fee(app, type_)
        await app.execute(builders.movement("hold", agent.id, payee.id, "1"))
        with pytest.raises(InsufficientFunds):
            await app.execute(reversal(moved, hold_rest=hold_rest))
        received = 100 if type_ == "transfer" else 0
        assert [await held_in(store, one) for one in (payee, agent)] == [(received, 0), (5, 1)]
        await app.execute(reversal(moved, hold_rest=hold_rest, keep_fees=True))
        assert await balances(app, payer, payee, agent) == [990, 0, 5]
        assert await house_balance(app, "fees") == 5

    async def test_a_share_in_a_wallet_that_is_not_active_refuses_a_reversal_unless_the_fee_is_kept(
        self, app: Session
    ) -> None:
        payer, payee, agent, moved = await shared_fee(app)
        await app.execute(builders.freeze(agent.id))
        for hold_rest in (False, True):
            with pytest.raises(WalletNotActive):
                await app.execute(reversal(moved, "50", hold_rest=hold_rest))
        await app.execute(reversal(moved, "50", keep_fees=True))
        assert agent.customer_id is not None
        await app.execute(SuspendCustomer(customer_id=agent.customer_id, reason="a dispute"))
        with pytest.raises(CustomerNotActive):
            await app.execute(reversal(moved, "50"))
        await app.execute(reversal(moved, keep_fees=True))
        assert await balances(app, payer, payee, agent) == [990, 0, 5]

    async def test_a_share_in_a_closed_wallet_refuses_a_reversal_unless_the_fee_is_kept(self, app: Session) -> None:
        payer, payee, agent, moved = await shared_fee(app, "withdrawal")
        await app.execute(builders.transfer(agent.id, payee.id, "5"))
        await app.execute(CloseWallet(wallet_id=agent.id))
        with pytest.raises(WalletNotActive):
            await app.execute(reversal(moved))
        await app.execute(reversal(moved, keep_fees=True))
        assert await balances(app, payer, payee) == [990, 5]

    async def test_while_the_receiver_has_too_little_what_they_have_is_held(self, store: Store, app: Session) -> None:
        """The payee has paid the fee, which the reversal would give back to them first."""
        payer, shop = await a_wallet(app, "100"), await a_merchant(app)
        await app.execute(a_schedule("payment", "4", paid_by="payee"))
        paid = await app.execute(payment(payer, shop.id))
        await app.execute(builders.movement("hold", shop.id, payer.id, "1"))
        held = await app.execute(reversal(paid, hold_rest=True))
        assert (held.request.type, held.request.amount.minor) == ("hold", 5)
        assert await held_in(store, shop) == (6, 6)

    async def test_what_is_captured_for_the_payer_costs_nothing_counts_for_nothing_and_is_final(
        self, store: Store, app: Session
    ) -> None:
        limits = {"daily_outgoing_amount": "1000", "daily_outgoing_count": 5, "daily_incoming_amount": "1000"}
        await app.execute(tier_0(**limits))
        payer, payee, moved = await spent_money(app)
        await app.execute(a_schedule("capture", "7", paid_by="payee"))
        await app.execute(a_schedule("capture", "9", paid_by="payee", tenant=MAIN_TENANT, tier="0"))
        assert payer.customer_id is not None
        assert payee.customer_id is not None
        names = [(payer.customer_id, "daily_incoming_amount"), (payer.customer_id, "daily_outgoing_amount")]
        names += [(payee.customer_id, one) for one in limits]
        before = [await left(app, *one) for one in names]
        held = await app.execute(reversal(moved, hold_rest=True))
        await app.execute(tier_0(daily_outgoing_amount="1", daily_incoming_amount="1", largest_transaction="1"))
        part = await app.execute(CaptureHold(transaction_id=held.id, amount="15", final=False), key="a key")
        rest = await app.execute(CaptureHold(transaction_id=held.id))
        assert await app.execute(CaptureHold(transaction_id=held.id, amount="15", final=False), key="a key") == part
        assert [one.request.charge for one in (part, rest)] == [None, None]
        assert part.request.details == CaptureDetails(moved.id)
        assert await app.transactions.get(part.id) == part
        await app.execute(tier_0(**limits))
        assert [await left(app, *one) for one in names] == before
        assert await balances(app, payer, payee) == [40, 0]
        await app.execute(builders.deposit(payer.id, "100"))
        for one in (part, rest):
            for hold_rest in (False, True):
                with pytest.raises(NotReversible):
                    await app.execute(reversal(one, hold_rest=hold_rest))

    async def test_other_captures_cost_and_count_as_before(self, app: Session) -> None:
        await app.execute(tier_0(daily_outgoing_amount="100"))
        await app.execute(a_schedule("capture", "7", paid_by="payee"))
        customer, [payer] = await a_customer(app, "100")
        payee = await a_wallet(app)
        held = await app.execute(builders.movement("hold", payer.id, payee.id, "60"))
        captured = await app.execute(CaptureHold(transaction_id=held.id, amount="50"))
        assert captured.request.charge is not None
        assert await left(app, customer.id, "daily_outgoing_amount") == 50
        await app.execute(reversal(captured))
        assert await left(app, customer.id, "daily_outgoing_amount") == 100

    @pytest.mark.parametrize("type_", ["transfer", "exchange"])
    async def test_many_odd_parts_give_back_exactly_what_was_charged(self, app: Session, type_: str) -> None:
        await app.execute(DOLLAR)
        await app.execute(tier_0())
        mine, theirs = await a_purse(app, "200000"), await a_purse(app)
        agents = [await a_merchant(app) for _ in range(3)]
        shared = shared_with(*agents, percentage="33.3333")
        await app.execute(a_schedule(type_, "101", tax_percentage="17.9999", **shared))
        amount = 99_991
        command = (
            builders.transfer(mine.rwf.id, theirs.rwf.id, str(amount))
            if type_ == "transfer"
            else exchange(mine.rwf, theirs.usd, str(amount))
        )
        moved = await app.execute(command)
        rest, fee, tax = amount, 0, 0
        while rest:
            part = min(rest, random.randint(15, 4_000))  # noqa: S311 - not a secret
            part = rest if rest - part < 15 else part  # what is left is a cent at least
            charge = (await app.execute(reversal(moved, str(part)))).request.charge
            fee, tax, rest = fee + (charge.fee if charge else 0), tax + (charge.tax if charge else 0), rest - part
        assert (fee, tax) == (101, 18)
        assert await balances(app, mine.rwf, theirs.rwf, theirs.usd, *agents) == [200_000, 0, 0, 0, 0, 0]
        assert (await house_balance(app, "fees"), await house_balance(app, "taxes")) == (0, 0)

    async def test_what_comes_to_less_than_a_minor_unit_is_refused(self, app: Session) -> None:
        """A fee that does is none, and so is the part of a fee that a reversal gives back."""
        await app.execute(DOLLAR)
        await app.execute(a_schedule("exchange", bands=(NewFeeBand(percentage="1"),)))
        mine = await a_purse(app, "20000")
        done = await app.execute(exchange(mine.rwf, mine.usd, "13200"))
        small: list[Any] = [
            exchange(mine.rwf, mine.usd, "13"),
            reversal(done, "13"),
            reversal(done, "1", keep_fees=True),
        ]
        for command in (*small, CreateQuote(movement=small[0])):
            for send in (app.preview, app.execute):
                with pytest.raises(AmountTooSmall):
                    await send(command)
        free = await app.execute(exchange(mine.rwf, mine.usd, "49"))
        part = await app.execute(reversal(done, "14"))
        assert (free.request.charge, part.request.charge) == (None, None)
        rest = await app.execute(reversal(done))
        assert rest.request.charge is not None
        assert rest.request.charge.fee == 132
        assert await balances(app, mine.rwf, mine.usd) == [20_000 - 49, 3]

    async def test_with_the_fee_kept_no_more_room_is_given_back_than_was_used(self, app: Session) -> None:
        """A payee who pays the fee has received less than the amount; here, in two wallets, even nothing."""
        await app.execute(tier_0(daily_incoming_amount="1000", daily_incoming_count=5))
        payer, shop = await a_wallet(app, "100"), await a_merchant(app)
        assert shop.customer_id is not None
        second = await app.execute(builders.open_wallet(shop.customer_id, kind="merchant"))
        free = await app.execute(payment(payer, shop.id))
        schedule = await app.execute(a_schedule("payment", "3", tax_percentage="33", paid_by="payee"))
        await app.execute(builders.deposit(shop.id, "30"))
        await app.execute(builders.deposit(second.id, "30"))

        async def room() -> tuple[int | None, int | None]:
            found = [await left(app, shop.customer_id, f"daily_incoming_{one}") for one in ("amount", "count")]  # type: ignore[arg-type]
            return found[0], found[1]

        assert schedule.bands[0].flat == 3
        before = await room()
        paid = [await app.execute(payment(payer, one.id)) for one in (shop, second)]
        assert await room() == (before[0] - 12, before[1] - 2)  # type: ignore[operator]
        await app.execute(reversal(paid[0], "7", keep_fees=True))
        await app.execute(reversal(paid[0], "2"))
        await app.execute(reversal(paid[0], keep_fees=True))
        await app.execute(reversal(paid[1], keep_fees=True))
        assert await room() == before
        await app.execute(reversal(free, keep_fees=True))
        assert await room() == (before[0] + 10, before[1] + 1)  # type: ignore[operator]

    async def test_a_movement_that_the_fee_has_used_up_gives_no_room_back(self, app: Session) -> None:
        await app.execute(tier_0(daily_incoming_amount="1000", daily_incoming_count=5))
        payer, shop = await a_wallet(app, "100"), await a_merchant(app, "100")
        await app.execute(a_schedule("payment", "10", paid_by="payee"))
        paid = await app.execute(payment(payer, shop.id))
        assert shop.customer_id is not None
        await app.execute(reversal(paid, "3", keep_fees=True))
        await app.execute(reversal(paid, keep_fees=True))
        assert await left(app, shop.customer_id, "daily_incoming_count") == 4
        assert await left(app, shop.customer_id, "daily_incoming_amount") == 900

    async def test_a_share_that_a_limit_does_not_allow_stays_with_the_operator(self, app: Session) -> None:
        await app.execute(builders.no_limits("1"))
        await app.execute(tier_0(daily_incoming_amount="25", largest_transaction="1000"))
        customer, [payer] = await a_customer(app)
        await app.execute(VerifyCustomer(customer_id=customer.id, tier="1"))
        await app.execute(builders.deposit(payer.id, "1000"))
        payee, agent = await a_merchant(app), await a_merchant(app)
        assert agent.customer_id is not None
        second = await app.execute(builders.open_wallet(agent.customer_id, kind="merchant"))
        await app.execute(a_schedule("transfer", "20", **shared_with(agent, second)))
        shares = []
        for _ in range(3):
            moved = await app.execute(builders.transfer(payer.id, payee.id, "1"))
            assert moved.request.charge is not None
            shares.append([amount for _, amount in moved.request.charge.shares])
        assert shares == [[10, 10], [], []]
        assert await balances(app, payer, payee, agent, second) == [1000 - 63, 3, 10, 10]
        assert await house_balance(app, "fees") == 40

    async def test_a_payee_with_a_share_receives_both_or_the_amount_alone(self, app: Session) -> None:
        """What a limit allows of a wallet is compared with all that moves there."""
        await app.execute(builders.no_limits("1"))
        await app.execute(tier_0(largest_transaction="14", largest_balance="25"))
        customer, [payer] = await a_customer(app)
        await app.execute(VerifyCustomer(customer_id=customer.id, tier="1"))
        await app.execute(builders.deposit(payer.id, "1000"))
        agent = await a_merchant(app)
        await app.execute(a_schedule("payment", "10", **shared_with(agent)))
        paid = await app.execute(payment(payer, agent.id))
        assert paid.request.charge is not None
        assert paid.request.charge.shares == ()
        await app.execute(a_schedule("transfer", "10", **shared_with(agent)))
        sent = [await app.execute(builders.transfer(payer.id, agent.id, "3")) for _ in range(2)]
        assert [one.request.charge and len(one.request.charge.shares) for one in sent] == [1, 0]
        assert await balances(app, agent) == [10 + 8 + 3]
