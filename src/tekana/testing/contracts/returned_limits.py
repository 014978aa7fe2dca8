"""What reversals give back of limits; the rules are in features/transactions/limits.feature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from tekana.application import CaptureHold, CloseWallet, ReverseTransaction, Session
from tekana.domain.errors import LimitExceeded
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import WINDOW_NAMES
from tekana.domain.transaction import Transaction
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fees import a_schedule
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet
from tekana.testing.contracts.limits import left, tier_0
from tekana.testing.contracts.reversals import reversal

_NOON: Final = datetime(2026, 1, 21, 12, tzinfo=UTC)
_DAY: Final = timedelta(days=1)


async def used(app: Session, customer_id: CustomerId) -> dict[str, int]:
    """Return what a customer has used of each limit of a window in RWF, where that is not nothing."""
    [found] = [one for one in (await app.limits.of_customer(customer_id)).currencies if one.currency == "RWF"]
    return {one.name: one.used for one in found.limits if one.name in WINDOW_NAMES and one.used}


def windows(direction: str, amount: int, count: int, *names: str) -> dict[str, int]:
    """Return an amount and a number in windows of a direction, without those that are nothing."""
    values = {
        f"{name}_{direction}_{kind}": value for name in names for kind, value in (("amount", amount), ("count", count))
    }
    return {name: value for name, value in values.items() if value}


class ReturnedLimitsContract(Contract):
    """The contract of limits and reversals."""

    async def test_a_reversal_leaves_no_usage(self, crew: Sequence[Session]) -> None:
        customer, [payer] = await a_customer(crew[0])
        payee, [wallet] = await a_customer(crew[0])
        moved = [await crew[0].execute(builders.deposit(payer.id, "500"))]
        moved.append(await crew[1].execute(builders.transfer(payer.id, wallet.id, "300")))
        moved.append(await crew[0].execute(builders.withdrawal(wallet.id, "120")))
        held = await crew[1].execute(builders.movement("hold", payer.id, wallet.id, "50"))
        moved.append(await crew[0].execute(CaptureHold(transaction_id=held.id)))
        assert len(await used(crew[0], customer.id)) == len(await used(crew[0], payee.id)) == 12
        for one in reversed(moved):
            await crew[1].execute(reversal(one))
        assert await used(crew[0], customer.id) == await used(crew[1], payee.id) == {}

    async def test_parts_give_back_their_amount_and_the_last_one_the_number(
        self, app: Session, clock: FrozenClock
    ) -> None:
        clock.set(_NOON)
        customer, [payer] = await a_customer(app, "500")
        payee = await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "300"))
        await app.execute(reversal(moved, "100"))
        assert (await used(app, customer.id)).items() >= windows("outgoing", 200, 1, "daily", "weekly").items()
        clock.set(_NOON + _DAY)
        await app.execute(reversal(moved, "50"))
        expected = windows("outgoing", 150, 1, "weekly", "monthly") | windows("incoming", 500, 1, "weekly", "monthly")
        assert await used(app, customer.id) == expected
        clock.set(_NOON + 7 * _DAY)
        await app.execute(reversal(moved))
        assert await used(app, customer.id) == windows("incoming", 500, 1, "monthly")

    async def test_all_wallets_of_a_customer_share_what_is_given_back(self, app: Session) -> None:
        customer, [first] = await a_customer(app, "500")
        second = await app.execute(builders.open_wallet(customer.id))
        payee = await a_wallet(app)
        await app.execute(builders.transfer(first.id, second.id, "400"))
        before = await used(app, customer.id)
        moved = await app.execute(builders.transfer(second.id, payee.id, "300"))
        await app.execute(builders.withdrawal(first.id, "100"))
        await app.execute(CloseWallet(wallet_id=first.id))
        await app.execute(reversal(moved))
        assert await used(app, customer.id) == before | windows("outgoing", 100, 1, "daily", "weekly", "monthly")

    async def test_between_wallets_of_a_customer_nothing_was_counted(self, app: Session) -> None:
        customer, [first] = await a_customer(app, "500")
        second = await app.execute(builders.open_wallet(customer.id))
        moved = await app.execute(builders.transfer(first.id, second.id, "400"))
        before = await used(app, customer.id)
        await app.execute(reversal(moved, "150"))
        await app.execute(reversal(moved))
        assert await used(app, customer.id) == before

    @pytest.mark.parametrize("paid_by", ["payer", "payee"])
    @pytest.mark.parametrize("parts", [("9", None), ("1", "4", None)])
    @pytest.mark.parametrize("keep_fees", [True, False])
    async def test_fees_change_nothing_about_what_is_given_back(
        self, app: Session, paid_by: str, parts: Sequence[str | None], *, keep_fees: bool
    ) -> None:
        """Parts of fee and tax are rounded apart, so that such a part may be more than that of the amount."""
        shop, [till] = await a_customer(app)
        customer, [payer] = await a_customer(app, "100")
        before = await used(app, customer.id)
        await app.execute(a_schedule(flat="5", tax_percentage="80", paid_by=paid_by))
        moved = await app.execute(builders.transfer(payer.id, till.id, "10"))
        await app.execute(builders.deposit(till.id, "50"))
        left = 10 - 9 * (paid_by == "payee")
        names = "daily", "weekly", "monthly"
        assert await used(app, shop.id) == windows("incoming", 50 + left, 2, *names)
        undone = 0
        for part in parts:
            undone += 10 - undone if part is None else int(part)
            await app.execute(ReverseTransaction(transaction_id=moved.id, amount=part, keep_fees=keep_fees))
            expected = windows("incoming", 50 + left - left * undone // 10, 2 - (undone == 10), *names)
            assert await used(app, shop.id) == expected
        assert await used(app, customer.id) == before

    async def test_a_limit_that_was_lowered_is_no_matter_to_a_reversal(self, app: Session) -> None:
        customer, [payer] = await a_customer(app, "500")
        payee = await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "300"))
        await app.execute(tier_0(daily_outgoing_amount="10", largest_transaction="5", largest_balance="100"))
        await app.execute(reversal(moved, "295"))
        assert await left(app, customer.id, "daily_outgoing_amount") == 5
        await app.execute(builders.transfer(payer.id, payee.id, "5"))
        with pytest.raises(LimitExceeded):
            await app.execute(builders.transfer(payer.id, payee.id, "1"))

    @pytest.mark.parametrize("days", [0, 1, 3])
    async def test_a_clock_that_is_set_back_gives_back_what_was_counted(
        self, app: Session, clock: FrozenClock, days: int
    ) -> None:
        """The present day stays the later one, as for other transactions."""
        clock.set(_NOON)
        customer, [payer] = await a_customer(app)
        payee = await a_wallet(app, "50")
        first = await app.execute(builders.deposit(payer.id, "500"))
        clock.set(_NOON + days * _DAY)
        second: Transaction = await app.execute(builders.transfer(payer.id, payee.id, "300"))
        clock.set(_NOON - 2 * _DAY)
        third = await app.execute(builders.transfer(payer.id, payee.id, "20"))
        await app.execute(reversal(second))
        rest = windows("outgoing", 20, 1, "daily", "weekly", "monthly")
        since = ("weekly", "monthly") if days else ("daily", "weekly", "monthly")
        clock.set(_NOON + days * _DAY)
        assert await used(app, customer.id) == rest | windows("incoming", 500, 1, *since)
        await app.execute(reversal(third))
        await app.execute(reversal(first))
        assert await used(app, customer.id) == {}
