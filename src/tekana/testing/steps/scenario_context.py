"""What the steps of one scenario share: who is who, and what came of the last request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest

from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.ledger_checks import Auditable, assert_whole
from tekana.testing.driver import Driver, Record, Refusal, Reply, Verb
from tekana.testing.portal import Portal
from tekana.testing.receiver import Receiver, receiving

_PATIENCE: Final = 30.0
_LOOK: Final = 0.05


class AcceptanceTarget(NamedTuple):
    """What the features run against.

    audited: whatever keeps the data; it is audited after each scenario.
    webhooks: whether it delivers any, also to this machine; if not, the scenarios that are about them are skipped.
    """

    driver: Driver
    clock: FrozenClock
    audited: Auditable
    webhooks: bool = True


class Request(NamedTuple):
    """Something to be done; `learn` is told the answer if it is."""

    verb: Verb
    subject: str | None
    details: Record
    learn: Callable[[Record], None] = lambda _: None


class Sent(NamedTuple):
    """A request as it was sent, under its key, and what came of it."""

    request: Request
    key: str
    outcome: Reply | Refusal


class ScenarioContext:
    """Keeps names apart from ids, sends requests, and sees to it that no refusal goes unnoticed."""

    def __init__(self, portal: Portal, world: AcceptanceTarget) -> None:
        self.world = world
        self.people: dict[str, str] = {}
        self.wallets: dict[str, str] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.found: list[str] = []
        self.many: list[Reply | Refusal] = []
        self.endpoint_id = ""
        self._portal = portal
        self._leaving = ExitStack()
        self._receiver: Receiver | None = None
        self._keys = 0
        self._mentioned: list[str] = []
        self._last: Sent | None = None
        self._before: Sent | None = None
        self._unsaid: Refusal | None = None

    # ------------------------------------------------------------------ names

    def contact(self, name: str) -> dict[str, Any]:
        """The details that a person registers with, unless the scenario gives others."""
        if name not in self._mentioned:
            self._mentioned.append(name)
        number = self._mentioned.index(name) + 1
        return {
            "full_name": name,
            "email": f"{name.lower()}@example.com",
            "phone_number": f"+250788{number:06d}",
        }

    def person(self, name: str) -> str:
        """The person's id; a stranger has one that nobody has."""
        return self.people[name] if name != "a stranger" else str(uuid4())

    def wallet(self, phrase: str) -> str:
        """The id of the wallet that the phrase names; a missing wallet has one that no wallet has."""
        return self.wallets[phrase] if phrase != "a missing wallet" else str(uuid4())

    def learn_customer(self, name: str) -> Callable[[Record], None]:
        """Remember who was registered, and their first wallet."""

        def learn(record: Record) -> None:
            self.people[name] = record["id"]
            self.wallets.setdefault(f"{name}'s wallet", record["wallets"][0]["id"])

        return learn

    def learn_wallet(self, name: str, label: str) -> Callable[[Record], None]:
        """Remember which wallet was opened."""
        return lambda record: self.wallets.__setitem__(f"{name}'s {label} wallet", record["id"])

    # ------------------------------------------------------------------ reading

    def get(self, kind: Any, id: str) -> Record:
        """The one with this id, as it is now."""
        return self._portal.call(self.world.driver.get(kind, id))

    def find(self, kind: Any, **which: str) -> list[Record]:
        """All that match."""
        return self._portal.call(self.world.driver.find(kind, **which))

    def entries(self, wallet: str) -> list[Record]:
        """The history of the wallet that the phrase names."""
        return self._portal.call(self.world.driver.entries(self.wallet(wallet)))

    def balance_at(self, wallet: str, at: str) -> Record:
        """What was in the wallet at a time."""
        return self._portal.call(self.world.driver.balance_at(self.wallet(wallet), at))

    def events(self) -> list[Record]:
        """Everything that happened."""
        return self._portal.call(self.world.driver.events())

    def webhook(self) -> Record:
        """The partner's webhook endpoint."""
        return self._portal.call(self.world.driver.webhook(self.endpoint_id))

    def deliveries(self) -> list[Record]:
        """What the partner was told, or is to be, the newest first."""
        return self._portal.call(self.world.driver.deliveries(self.endpoint_id))

    # ------------------------------------------------------------------ a partner

    def partner(self) -> Receiver:
        """The partner who is told by webhooks."""
        if not self.world.webhooks:
            pytest.skip("webhooks are not delivered here")
        if self._receiver is None:
            self._receiver = self._leaving.enter_context(self._portal.entered(receiving()))
        return self._receiver

    def learn_endpoint(self, record: Record) -> None:
        """Remember where the partner is told."""
        self.endpoint_id = record["id"]

    def wait(self, until: Callable[[], bool], *, passing: timedelta) -> None:
        """Wait for what comes by itself, such as another attempt: at each look, so much time has passed."""
        patience = time.monotonic() + _PATIENCE
        while not until():
            assert time.monotonic() < patience, "it does not come"
            self.world.clock.advance(passing)
            time.sleep(_LOOK)

    # ------------------------------------------------------------------ doing

    def given(self, request: Request) -> None:
        """Do what has to succeed for the scenario to make sense."""
        outcome = self._send(request, self._new_key())
        assert isinstance(outcome, Reply), f"{request.verb} {request.details} was refused: {outcome}"

    def when(self, request: Request, key: str | None = None) -> None:
        """Do what the scenario is about; a later step says what is to come of it."""
        self.nothing_unsaid()
        key = key or self._new_key()
        outcome = self._send(request, key)
        self._before, self._last = self._last, Sent(request, key, outcome)
        self._unsaid = outcome if isinstance(outcome, Refusal) else None

    def again(self, **changes: Any) -> None:
        """Send the last request once more, under its key."""
        last = self.last
        self.when(last.request._replace(details={**last.request.details, **changes}), last.key)

    def at_once(self, requests: list[Request], key: str | None = None) -> None:
        """Do all of these at the same time, under one key or each under its own."""
        self.nothing_unsaid()

        async def all_of_them() -> list[Reply | Refusal]:
            return await asyncio.gather(*(self._outcome(one, key or self._new_key()) for one in requests))

        self.many = self._portal.call(all_of_them())

    def _send(self, request: Request, key: str) -> Reply | Refusal:
        outcome = self._portal.call(self._outcome(request, key))
        if isinstance(outcome, Reply):
            request.learn(outcome.record)
        return outcome

    async def _outcome(self, request: Request, key: str) -> Reply | Refusal:
        try:
            return await self.world.driver.do(request.verb, request.subject, request.details, key=key)
        except Refusal as refusal:
            return refusal

    def _new_key(self) -> str:
        self._keys += 1
        return f"request {self._keys}"

    # ------------------------------------------------------------------ what came of it

    @property
    def last(self) -> Sent:
        """The last request of a When, with what came of it. Whoever asks has dealt with a refusal."""
        assert self._last is not None, "nothing was requested yet"
        self._unsaid = None
        return self._last

    @property
    def before(self) -> Sent:
        """The request before the last."""
        assert self._before is not None, "only one thing was requested"
        return self._before

    def nothing_unsaid(self) -> None:
        """Fail if the last request was refused and no step has said that it would be."""
        assert self._unsaid is None, f"it was refused, and no step expected that: {self._unsaid}"

    def end(self) -> None:
        """The end of the scenario."""
        with self._leaving:
            self.nothing_unsaid()
            self._portal.call(assert_whole(self.world.audited))
