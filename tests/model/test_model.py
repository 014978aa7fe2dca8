"""Random histories of all money commands lead to what a model says, in memory and on PostgreSQL alike.

Each request is tried out first, and its dry run shows what the request then leads to. The ledger is audited at the end
of each history. A few short histories run with all tests; `nox -s model` runs 500 of 50 steps.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Final, Literal

from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tekana import CaptureHold, ChangeHold, CreateQuote, ReverseTransaction, VoidHold
from tekana.application.commands.money.expire_hold import ExpireHold
from tekana.testing.clock import FrozenClock
from tekana.testing.portal import Portal
from tests.conftest import new_database
from tests.model.limit_model import Limits
from tests.model.requests import Requests
from tests.model.strategies import NewSchedule, first_schedules, limits, requests
from tests.model.systems import System

HISTORIES: Final = int(os.environ.get("TEKANA_MODEL_HISTORIES", "12"))
STEPS: Final = int(os.environ.get("TEKANA_MODEL_STEPS", "30"))


class Histories(Requests):
    """Moves money in all ways, among requests of all other kinds."""

    @initialize(in_francs=limits, in_dollars=limits, fees=first_schedules)
    def begin(self, in_francs: Limits, in_dollars: Limits, fees: Sequence[NewSchedule]) -> None:
        for tier in ("0", "1"):
            self.set_limits(tier, "RWF", {})
        self.set_rate(10, 2)
        for number in range(2):
            self.register("RWF")
            self.open_wallet(number, "USD", "merchant")
            self.open_wallet(number, "RWF", "merchant")
        self.open_wallet(0, "RWF", "merchant")
        self.administer(6, "close")
        for number in range(6):
            self.move(("deposit", number, number, 60))
        for one in fees:
            self.create_fee_schedule(one)
        for payer in (0, 2):
            self.move(("hold", payer, payer + 4, 40))
        self.set_limits("0", "RWF", in_francs)
        self.set_limits("0", "USD", in_dollars)

    @rule(request=requests)
    def send(self, request: tuple[str, dict[str, Any]]) -> None:
        """Send a request of any kind: Hypothesis would leave out many kinds in each history if each had its rule."""
        name, fields = request
        getattr(self, name)(**fields)

    def move(self, asked: tuple[str, int, int, int]) -> None:
        movement = self._movement(*asked)
        self._ask(lambda model: model.move(movement), lambda system: system.command(movement))

    def batch(self, mode: Literal["atomic", "independent"], asked: list[tuple[str, int, int, int]]) -> None:
        together = [self._movement(*one) for one in asked]
        self._pass(timedelta(seconds=1))
        expected = self.model.batch(together, all_or_none=mode == "atomic")
        for system in self.systems:
            assert system.preview_batch(together, mode) == expected
        self._request(expected, lambda system, key: system.execute_batch(together, mode, key))

    def quote(self, asked: tuple[str, int, int, int]) -> None:
        movement = self._movement(*asked)
        self._ask(lambda model: model.quote(movement), lambda system: CreateQuote(movement=system.command(movement)))

    def move_as_quoted(self, back: int, change: str) -> None:
        """Name one of the last quotes, mostly for what was quoted."""
        if not self.model.quotes:
            return
        number = max(len(self.model.quotes) - 1 - back, 0)
        movement = self.model.quotes[number].movement._replace(quote=number)
        if change == "amount":
            movement = movement._replace(amount=movement.amount + 1)
        elif change == "wallet":
            payer = (movement.payer + 1) % len(self.model.wallets)
            is_of_one = movement.type in ("deposit", "withdrawal")
            movement = movement._replace(payer=payer, payee=payer if is_of_one else movement.payee)
        elif change == "type":
            movement = movement._replace(type="deposit" if movement.type == "withdrawal" else "transfer")
        self._ask(lambda model: model.move(movement), lambda system: system.command(movement))

    def capture(self, place: int, part: int | None, final: bool) -> None:
        number, amount = self._hold(place), self._amount(self._hold(place), part)
        self._ask(
            lambda model: model.capture(number, part, final=final),
            lambda system: CaptureHold(transaction_id=system.transactions[number], amount=amount, final=final),
        )

    def end_hold(self, place: int, is_over: bool) -> None:
        number, kind = self._hold(place), ExpireHold if is_over else VoidHold
        self._ask(
            lambda model: model.expire(number) if is_over else model.void(number),
            lambda system: kind(transaction_id=system.transactions[number]),
        )

    def change_hold(self, place: int, part: int, lasts: timedelta | None) -> None:
        number, amount = self._hold(place), self._amount(self._hold(place), part)
        seconds = None if lasts is None else int(lasts.total_seconds())
        self._ask(
            lambda model: model.change(number, part, lasts),
            lambda system: ChangeHold(transaction_id=system.transactions[number], amount=amount, expires_in=seconds),
        )

    def reverse(self, place: int, part: int | None, hold_rest: bool, keep_fees: bool) -> None:
        number = self._reversible(place)
        amount = self._amount(number, part)
        self._ask(
            lambda model: model.reverse(number, part, hold_rest=hold_rest, keep_fees=keep_fees),
            lambda system: ReverseTransaction(
                transaction_id=system.transactions[number], amount=amount, hold_rest=hold_rest, keep_fees=keep_fees
            ),
        )

    def repeat(self, place: int) -> None:
        """Send a request again under its key: it leads to what it led to, whatever has changed since."""
        number = place % len(self.done)
        request, expected = self.done[number]
        for system in self.systems:
            assert request(system, f"request {number}") == expected


def test_random_histories(postgres_server: str, template_database: str) -> None:
    bounds = settings(max_examples=HISTORIES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    with Portal() as portal:

        def connect(clock: FrozenClock) -> Sequence[System]:
            database = new_database(postgres_server, template_database)
            return System(portal, nullcontext("memory://"), clock), System(portal, database, clock)

        run_state_machine_as_test(lambda: Histories(connect), settings=bounds)
