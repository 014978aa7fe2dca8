"""The state of one scenario: the ids behind its names, and the outcome of the last request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest

from tekana.application.commands import MONEY_COMMANDS
from tekana.ports.message_sender import CodeMessage
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.ledger_checks import Auditable, assert_whole
from tekana.testing.driver import Driver, Record, Refusal, Reply, Verb
from tekana.testing.portal import Portal
from tekana.testing.receiver import Receiver, receiving

_TIMEOUT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05

_MOVES: Final = (*MONEY_COMMANDS, "capture")
"""The requests after which "that" in a step is what they moved."""


class AcceptanceTarget(NamedTuple):
    """The system under test.

    Attributes:
        driver: sends the requests.
        clock: the clock of the system.
        audited: the store or application to audit after each scenario.
        messages: the one-time codes that were sent, the newest last; None skips scenarios of sign-in.
        webhooks: whether webhooks are delivered, also to this machine; if not, scenarios with webhooks are skipped.
        operators: returns the driver of the operator with a subject, where every command needs an approval that can;
            None: scenarios with approvals are skipped.
    """

    driver: Driver
    clock: FrozenClock
    audited: Auditable
    webhooks: bool = True
    messages: Sequence[CodeMessage] | None = None
    operators: Callable[[str], Driver] | None = None


class Request(NamedTuple):
    """A request. `learn` is called with the answer if it succeeds; `by` is the operator who sends it.

    A `dry_run` is of a money command, a batch, or a command about a hold or a transaction.
    """

    verb: Verb
    subject: str | None
    details: Record
    learn: Callable[[Record], None] = lambda _: None
    by: str | None = None
    dry_run: bool = False


class SentRequest(NamedTuple):
    """A request that was sent, with its key and its outcome."""

    request: Request
    key: str
    outcome: Reply | Refusal


class ScenarioContext:
    """Maps names to ids, sends requests, and fails a scenario with a refusal that no step expected."""

    def __init__(self, portal: Portal, world: AcceptanceTarget) -> None:
        self.world = world
        self.people: dict[str, str] = {}
        self.wallets: dict[str, str] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.found: list[str] = []
        self.many: list[Reply | Refusal] = []
        self.endpoint_id = ""
        self.challenge_id = ""
        self.refresh_tokens: list[str] = []
        self.approval_id = ""
        self.hold_id = ""
        self.moved: dict[str, str] = {}
        self.reversal_id = ""
        self.fee_schedule_id = ""
        self.quote: Record = {}
        self._portal = portal
        self._leaving = ExitStack()
        self._receiver: Receiver | None = None
        self._keys = 0
        self._mentioned: list[str] = []
        self._last: SentRequest | None = None
        self._before: SentRequest | None = None
        self._unexpected_refusal: Refusal | None = None

    # ------------------------------------------------------------------ names

    def contact(self, name: str) -> dict[str, Any]:
        """Return the default registration details of a person."""
        if name not in self._mentioned:
            self._mentioned.append(name)
        number = self._mentioned.index(name) + 1
        return {
            "full_name": name,
            "email": f"{name.lower()}@example.com",
            "phone_number": f"+250788{number:06d}",
        }

    def person(self, name: str) -> str:
        """Return the person's id; for "a stranger", an unknown one."""
        return self.people[name] if name != "a stranger" else str(uuid4())

    def wallet(self, phrase: str) -> str:
        """Return the id of the wallet that the phrase names; an unknown one for "a missing wallet"."""
        return self.wallets[phrase] if phrase != "a missing wallet" else str(uuid4())

    def learn_customer(self, name: str) -> Callable[[Record], None]:
        """Return a function that stores the ids of a registered customer and their first wallet."""

        def learn(record: Record) -> None:
            self.people[name] = record["id"]
            self.wallets.setdefault(f"{name}'s wallet", record["wallets"][0]["id"])

        return learn

    def learn_wallet(self, name: str, label: str) -> Callable[[Record], None]:
        """Return a function that stores the id of an opened wallet."""
        return lambda record: self.wallets.__setitem__(f"{name}'s {label} wallet", record["id"])

    def learn_fee_schedule(self, record: Record) -> None:
        """Store the id of the fee schedule."""
        self.fee_schedule_id = record["id"]

    def learn_quote(self, record: Record) -> None:
        """Store the quote."""
        self.quote = record

    def learn_hold(self, record: Record) -> None:
        """Store the id of the hold."""
        self.hold_id = record["id"]

    # ------------------------------------------------------------------ reading

    def get(self, kind: Any, id: str) -> Record:
        """Return the record with this id."""
        return self._portal.call(self.world.driver.get(kind, id))

    def find(self, kind: Any, **which: str) -> list[Record]:
        """Return all records that match."""
        return self._portal.call(self.world.driver.find(kind, **which))

    def outcome(self, key: str) -> Record:
        """Return what the request with this key led to."""
        return self._portal.call(self.world.driver.outcome(key))

    def entries(self, wallet: str) -> list[Record]:
        """Return the entries of the wallet that the phrase names."""
        return self._portal.call(self.world.driver.entries(self.wallet(wallet)))

    def balance_at(self, wallet: str, at: str) -> Record:
        """Return the balance of a wallet at a time."""
        return self._portal.call(self.world.driver.balance_at(self.wallet(wallet), at))

    def statement(self, wallet: str, **period: str) -> Record:
        """Return the statement of a wallet for a period."""
        return self._portal.call(self.world.driver.statement(self.wallet(wallet), **period))

    def trial_balance(self, at: str) -> Record:
        """Return the trial balance at a time."""
        return self._portal.call(self.world.driver.trial_balance(at))

    def exchange_positions(self, currency: str) -> Record:
        """Return the exchange positions, valued in a currency."""
        return self._portal.call(self.world.driver.exchange_positions(currency))

    def events(self) -> list[Record]:
        """Return all events."""
        return self._portal.call(self.world.driver.events())

    def webhook(self) -> Record:
        """Return the partner's webhook endpoint."""
        return self._portal.call(self.world.driver.webhook(self.endpoint_id))

    def deliveries(self) -> list[Record]:
        """Return the deliveries to the partner, newest first."""
        return self._portal.call(self.world.driver.deliveries(self.endpoint_id))

    # ------------------------------------------------------------------ a partner

    def partner(self) -> Receiver:
        """Return the receiver of the partner's webhooks; start it if necessary."""
        if not self.world.webhooks:
            pytest.skip("webhooks are not delivered here")
        if self._receiver is None:
            self._receiver = self._leaving.enter_context(self._portal.entered(receiving()))
        return self._receiver

    def messages(self) -> Sequence[CodeMessage]:
        """Return the one-time codes that were sent; skip the scenario where customers do not sign in."""
        if self.world.messages is None:
            pytest.skip("not here: sign-in, which this system under test does not have")
        return self.world.messages

    def learn_endpoint(self, record: Record) -> None:
        """Store the id of the partner's webhook endpoint."""
        self.endpoint_id = record["id"]

    def wait(self, until: Callable[[], bool], *, passing: timedelta) -> None:
        """Poll a condition that background work fulfils, advancing the clock by `passing` each time."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not until():
            assert time.monotonic() < deadline, "the condition is not fulfilled in time"
            self.world.clock.advance(passing)
            time.sleep(_POLL_SECONDS)

    # ------------------------------------------------------------------ doing

    def given(self, request: Request) -> None:
        """Send a request of a Given, which must succeed."""
        outcome = self._send(request, self._new_key())
        assert isinstance(outcome, Reply), f"{request.verb} {request.details} was refused: {outcome}"

    def given_refused(self, request: Request) -> None:
        """Send a request of a Given, which must be refused."""
        outcome = self._send(request, self._new_key())
        assert isinstance(outcome, Refusal), f"{request.verb} was not refused"

    def when(self, request: Request, key: str | None = None) -> None:
        """Send a request of a When. A later step checks its outcome."""
        self.assert_no_unexpected_refusal()
        key = key or self._new_key()
        outcome = self._send(request, key)
        self._before, self._last = self._last, SentRequest(request, key, outcome)
        self._unexpected_refusal = outcome if isinstance(outcome, Refusal) else None

    def again(self, **changes: Any) -> None:
        """Send the last request again, under its key, with these changes."""
        last = self.last
        self.when(last.request._replace(details={**last.request.details, **changes}), last.key)

    def at_once(self, requests: list[Request], key: str | None = None) -> None:
        """Send requests concurrently, under one key or each under its own."""
        self.assert_no_unexpected_refusal()

        async def send_all() -> list[Reply | Refusal]:
            return await asyncio.gather(*(self._outcome(one, key or self._new_key()) for one in requests))

        self.many = self._portal.call(send_all())

    def _send(self, request: Request, key: str) -> Reply | Refusal:
        outcome = self._portal.call(self._outcome(request, key))
        if isinstance(outcome, Reply):
            request.learn(outcome.record)
            if request.verb in _MOVES:
                self.moved |= {request.verb: outcome.record["id"], "that": outcome.record["id"]}
        return outcome

    async def _outcome(self, request: Request, key: str) -> Reply | Refusal:
        try:
            driver = self._driver_of(request.by)
            if request.dry_run:
                return await driver.preview(request.verb, request.details, request.subject)
            return await driver.do(request.verb, request.subject, request.details, key=key)
        except Refusal as refusal:
            return refusal

    def _driver_of(self, operator: str | None) -> Driver:
        if operator is None or self.world.operators is None:
            return self.world.driver
        return self.world.operators(operator)

    def _new_key(self) -> str:
        self._keys += 1
        return f"request {self._keys}"

    # ------------------------------------------------------------------ what came of it

    @property
    def last(self) -> SentRequest:
        """Return the last request of a When. Its refusal then counts as expected."""
        assert self._last is not None, "nothing was requested yet"
        self._unexpected_refusal = None
        return self._last

    @property
    def before(self) -> SentRequest:
        """Return the request before the last."""
        assert self._before is not None, "only one thing was requested"
        return self._before

    def assert_no_unexpected_refusal(self) -> None:
        """Fail if the last request was refused and no step has read that."""
        assert self._unexpected_refusal is None, (
            f"it was refused, and no step expected that: {self._unexpected_refusal}"
        )

    def end(self) -> None:
        """End the scenario: check for an unexpected refusal, and audit the ledger."""
        with self._leaving:
            self.assert_no_unexpected_refusal()
            self._portal.call(assert_whole(self.world.audited))
