"""Holds under concurrency: of captures, voids and the expiry of one hold, exactly one wins."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import Any

from tekana.application import CaptureHold, Session, VoidHold
from tekana.application.commands.money.expire_hold import ExpireHold
from tekana.domain.caller import HOLD_EXPIRY
from tekana.domain.errors import CaptureExceedsHold, HoldNotOpen, Refused
from tekana.domain.transaction import Transaction
from tekana.ports.store import Store
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet, all_at_once, all_outcomes, by_hand
from tekana.testing.contracts.holds import a_hold, held_in, held_money, shown
from tekana.testing.contracts.races import CONTESTANTS, ROUNDS


class HoldRacesContract(Contract):
    """The contract of holds about which many commands come at once."""

    async def test_of_captures_voids_and_expiry_one_wins(
        self, store: Store, crew: Sequence[Session], clock: FrozenClock
    ) -> None:
        payer, payee = await a_wallet(crew[0], "1000"), await a_wallet(crew[0])
        taken = 0
        for number in range(ROUNDS):
            if 1000 - taken < 10:
                payer, payee, taken = await a_wallet(crew[0], "1000"), await a_wallet(crew[0]), 0
            hold = await crew[0].execute(a_hold(payer, payee, "10", expires_in=60))
            assert hold.hold is not None
            if number % 2:  # its time is over while they race
                delay = random.uniform(0, 0.02)  # noqa: S311 - not a secret
                asyncio.get_running_loop().call_later(delay, clock.set, hold.hold.expires_at)
            outcomes = await all_at_once(_contestants(crew, hold))
            assert len(outcomes) == CONTESTANTS
            winners = sum(
                kind is not ExpireHold and not isinstance(answer, HoldNotOpen | CaptureExceedsHold)
                for kind, answer in outcomes
            )
            found = await shown(store, hold)
            assert winners + (found.status == "expired") == 1, outcomes
            assert found.hold is not None
            taken += found.hold.captured_minor
            assert await held_in(store, payer) == (1000 - taken, 0)
            assert await held_in(store, payee) == (taken, 0)
            clock.set(max(clock(), hold.hold.expires_at))

    async def test_units_that_race_for_a_hold_have_one_effect(self, store: Store, app: Session) -> None:
        money = await held_money(app)
        commands: list[Any] = [money.capture(), VoidHold(transaction_id=money.hold.id), money.capture("400")]
        outcomes = await all_outcomes(by_hand(store, command) for command in commands * 4)
        assert [one for one in outcomes if isinstance(one, BaseException)] == []
        found = await shown(store, money.hold)
        assert found.hold is not None
        assert found.status in ("captured", "voided")
        assert await held_in(store, money.payer) == (5000 - found.hold.captured_minor, 0)
        assert await held_in(store, money.payee) == (found.hold.captured_minor, 0)

    async def test_parts_at_once_never_exceed_the_hold(self, store: Store, crew: Sequence[Session]) -> None:
        money = await held_money(crew[0])
        parts = [crew[number % len(crew)].execute(money.capture("70", final=False)) for number in range(CONTESTANTS)]
        outcomes = await all_outcomes(parts)
        assert sum(isinstance(one, Transaction) for one in outcomes) == 1000 // 70
        assert {type(one) for one in outcomes} == {Transaction, CaptureExceedsHold}
        assert await held_in(store, money.payer) == (5000 - 980, 20)


def _contestants(crew: Sequence[Session], hold: Transaction) -> list[Awaitable[tuple[type, object]]]:
    """Return the execution of 32 commands about a hold, in any order, by several processes."""
    commands: list[Any] = [
        *[CaptureHold(transaction_id=hold.id)] * 10,
        *[CaptureHold(transaction_id=hold.id, amount="4")] * 6,
        *[VoidHold(transaction_id=hold.id)] * 10,
        *[ExpireHold(transaction_id=hold.id)] * 6,
    ]
    random.shuffle(commands)
    return [_execute(crew[number % len(crew)], command) for number, command in enumerate(commands)]


async def _execute(app: Session, command: Any) -> tuple[type, object]:
    """Execute a command, and return its class, and its answer or the refusal."""
    session = app.as_caller(HOLD_EXPIRY) if isinstance(command, ExpireHold) else app
    try:
        return type(command), await session.execute(command)
    except Refused as refusal:
        return type(command), refusal
