"""Random histories of all money commands lead to what a model says, in memory and on PostgreSQL alike.

Each request is tried out first, and its dry run shows what the request then leads to. The ledger is audited at the end
of each history. A few short histories run with all tests; `nox -s model` runs 500 of 50 steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Final, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tekana import CloseWallet, FreezeWallet, ReactivateCustomer, SuspendCustomer, UnfreezeWallet
from tekana.testing import builders
from tekana.testing.portal import Portal
from tests.conftest import new_database
from tests.model.ledger_model import LedgerModel, Movement, Result, WalletState
from tests.model.systems import System

HISTORIES: Final = int(os.environ.get("TEKANA_MODEL_HISTORIES", "12"))
STEPS: Final = int(os.environ.get("TEKANA_MODEL_STEPS", "30"))

CURRENCIES: Final = ("RWF", "RWF", "RWF", "USD")
TYPES: Final = ("deposit", "withdrawal", "transfer", "payment")
PEOPLE_MAX: Final = 6
WALLETS_MAX: Final = 12

places = st.integers(0, 1000)
"""A place in a list, modulo its length."""

amounts = st.one_of(st.integers(1, 60), st.just(1_000_000))
modes = st.sampled_from(("atomic", "independent"))
kinds = st.sampled_from(("personal", "merchant"))


class Histories(RuleBasedStateMachine):
    """Sends the same requests to all systems and to the model, and compares what they lead to."""

    systems: Sequence[System]

    def __init__(self, connect: Callable[[], Sequence[System]]) -> None:
        super().__init__()
        self.systems = connect()
        self.model = LedgerModel()
        self.done: list[tuple[Callable[[System, str], object], object]] = []

    def teardown(self) -> None:
        """Compare the balances, and audit the ledgers."""
        balances = [one.balance for one in self.model.wallets]
        for one in self.systems:
            with one:
                assert one.balances() == balances

    # ------------------------------------------------------------------ customers and wallets

    @initialize()
    def begin(self) -> None:
        for _ in range(2):
            self.register("RWF")

    @precondition(lambda self: len(self.model.customers) < PEOPLE_MAX)
    @rule(currency=st.sampled_from(CURRENCIES))
    def register(self, currency: str) -> None:
        person = builders.person(currency=currency)
        self.model.register(currency)
        self._all_lead_to("done", lambda _: person)

    @precondition(lambda self: len(self.model.wallets) < WALLETS_MAX)
    @rule(place=places, currency=st.sampled_from(CURRENCIES), kind=kinds)
    def open_wallet(self, place: int, currency: str, kind: Literal["personal", "merchant"]) -> None:
        owner = place % len(self.model.customers)
        expected = self.model.open_wallet(owner, currency, kind)
        self._all_lead_to(expected, lambda system: builders.open_wallet(system.customers[owner], currency, kind=kind))

    @rule(place=places)
    def suspend(self, place: int) -> None:
        number = place % len(self.model.customers)
        self.model.set_customer_active(number, active=False)
        self._all_lead_to(
            "done", lambda system: SuspendCustomer(customer_id=system.customers[number], reason="a check")
        )

    @rule(place=places)
    def reactivate(self, place: int) -> None:
        number = place % len(self.model.customers)
        self.model.set_customer_active(number, active=True)
        self._all_lead_to("done", lambda system: ReactivateCustomer(customer_id=system.customers[number]))

    @rule(place=places, scope=st.sampled_from(("debits", "all")))
    def freeze(self, place: int, scope: Literal["debits", "all"]) -> None:
        state: WalletState = "no debits" if scope == "debits" else "frozen"
        self._set_wallet_state(
            place, state, lambda wallet_id: FreezeWallet(wallet_id=wallet_id, scope=scope, reason="a check")
        )

    @rule(place=places)
    def unfreeze(self, place: int) -> None:
        self._set_wallet_state(place, "active", lambda wallet_id: UnfreezeWallet(wallet_id=wallet_id))

    @rule(place=places)
    def close(self, place: int) -> None:
        self._set_wallet_state(place, "closed", lambda wallet_id: CloseWallet(wallet_id=wallet_id))

    def _set_wallet_state(self, place: int, state: WalletState, make: Callable[[Any], Any]) -> None:
        number = place % len(self.model.wallets)
        expected = self.model.set_wallet_state(number, state)
        self._all_lead_to(expected, lambda system: make(system.wallets[number]))

    # ------------------------------------------------------------------ money

    @rule(type_=st.sampled_from(TYPES), payer=places, payee=places, amount=amounts)
    def move(self, type_: str, payer: int, payee: int, amount: int) -> None:
        asked = self._movement(type_, payer, payee, amount)
        expected = self.model.move(asked)
        for system in self.systems:
            assert system.preview(system.command(asked)) == expected
        self._all_lead_to(expected, lambda system: system.command(asked))

    @rule(
        mode=modes,
        parts=st.lists(st.tuples(st.sampled_from(TYPES), places, places, amounts), min_size=1, max_size=4),
    )
    def batch(self, mode: Literal["atomic", "independent"], parts: list[tuple[str, int, int, int]]) -> None:
        movements = [self._movement(*one) for one in parts]
        expected = self.model.batch(movements, all_or_none=mode == "atomic")
        for system in self.systems:
            assert system.preview_batch(movements, mode) == expected
        self._request(expected, lambda system, key: system.execute_batch(movements, mode, key))

    @precondition(lambda self: self.done)
    @rule(place=places)
    def repeat(self, place: int) -> None:
        """Send a request again under its key: it leads to what it led to, whatever has changed since."""
        number = place % len(self.done)
        request, expected = self.done[number]
        for system in self.systems:
            assert request(system, f"request {number}") == expected

    def _movement(self, type_: str, payer: int, payee: int, amount: int) -> Movement:
        """Return a movement, mostly in the currency of the payer."""
        count = len(self.model.wallets)
        source, target = payer % count, payee % count
        if type_ in ("deposit", "withdrawal"):
            source = target
        return Movement(type_, source, target, amount, self.model.wallets[source].currency)

    def _all_lead_to(self, expected: Result, make: Callable[[System], Any]) -> None:
        self._request(expected, lambda system, key: system.execute(make(system), key))

    def _request(self, expected: object, request: Callable[[System, str], object]) -> None:
        key = f"request {len(self.done)}"
        self.done.append((request, expected))
        for system in self.systems:
            assert request(system, key) == expected


def test_random_histories(postgres_server: str, template_database: str) -> None:
    limits = settings(max_examples=HISTORIES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    with Portal() as portal:

        def connect() -> Sequence[System]:
            database = new_database(postgres_server, template_database)
            return System(portal, nullcontext("memory://")), System(portal, database)

        run_state_machine_as_test(lambda: Histories(connect), settings=limits)
