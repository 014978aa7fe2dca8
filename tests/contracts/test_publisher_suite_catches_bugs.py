"""Each of these broken publishers has to fail the suite; that the sound one passes is in test_publishers.py."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tekana.application.event_payload import EventPayload, event_payload
from tekana.domain.errors import TekanaError, Unavailable
from tekana.domain.events import Event, WalletCredited, WalletFrozen, aggregate_id, event_id
from tekana.ports.publisher import RejectedEvent
from tekana.testing.contracts import PublisherContract, PublisherFailuresContract, publishing_failures
from tekana_memory import MemoryPublisher


class ForgetsTheLast(MemoryPublisher):
    """Does not wait for what it put in line."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(events[:-1] if len(events) > 1 else events)


class Overtakes(MemoryPublisher):
    """Sends a long run in two halves at once."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        half = len(events) // 2 if len(events) > 100 else 0
        return await super().publish([*events[half:], *events[:half]])


class Remembers(MemoryPublisher):
    """Will not send an event again, though it may not have arrived."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        known = {event_id(one) for one in self.published}
        return await super().publish([one for one in events if event_id(one) not in known])


class CountsInMajorUnits(MemoryPublisher):
    """Changes what the event says."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(
            [replace(one, amount=one.amount // 100) if isinstance(one, WalletCredited) else one for one in events]
        )


class WantsToBeStarted(MemoryPublisher):
    """Publishes nothing until it is started."""

    started = False

    async def start(self) -> None:
        self.started = True

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(events if self.started else [])


class FaultyBus(MemoryPublisher):
    """A sound publisher, on a bus that can be away and that refuses some events."""

    away = False

    def __init__(self) -> None:
        super().__init__()
        self.tasks: set[asyncio.Task[Any]] = set()

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        rejected: list[RejectedEvent] = []
        held: set[UUID] = set()
        for place, event in enumerate(events):
            await asyncio.sleep(0)
            if self.away:
                self.is_away()
            elif aggregate_id(event) not in held:
                if _unacceptable(event):
                    self.refuse(place, event, rejected, held)
                else:
                    self.published.append(event)
        return rejected

    def is_away(self) -> None:
        raise Unavailable("the bus is away")

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        rejected.append(RejectedEvent(place, "too large"))
        held.add(aggregate_id(event))


def _unacceptable(event: Event) -> bool:
    return isinstance(event, WalletFrozen) and event.scope not in ("debits", "all")


class EncodesArrays(FaultyBus):
    """Encodes the payload, a NamedTuple, as msgspec does by default."""

    def encode(self, payload: EventPayload) -> bytes:
        return msgspec.json.encode(payload)


class SwallowsOutages(FaultyBus):
    """Returns as if everything had arrived."""

    def is_away(self) -> None:
        return


class RaisesItsOwnErrors(FaultyBus):
    """Lets the errors of its library through."""

    def is_away(self) -> None:
        raise ConnectionRefusedError


class SendsWhatIsLeftLater(FaultyBus):
    """Keeps a run that failed, and sends it after the one that is repeated."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        left, self.left = getattr(self, "left", ()), ()
        try:
            rejected = await super().publish(events)
        except Unavailable:
            self.left = (*left, *events)
            raise
        if left:
            await super().publish(left[:1])
            await super().publish(left[-1:])
        return rejected


class SkipsTheRejected(FaultyBus):
    """Sends what comes after it."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        rejected.append(RejectedEvent(place, "too large"))


class StopsAtTheRejected(FaultyBus):
    """Holds all other aggregates back as well."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        rejected.append(RejectedEvent(place, "too large"))
        held.update(aggregate_id(one) for one in self.published)


class NeverRejects(FaultyBus):
    """Says "not now" of what it will never take."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        raise Unavailable("a message was not taken")


class CountsFromOne(FaultyBus):
    """Names the event after the rejected one."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        super().refuse(place + 1, event, rejected, held)


class GoesOnWhenCancelled(FaultyBus):
    """Sends in a task that a cancelled call leaves behind, beside whatever comes after it."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        task = asyncio.create_task(self._slowly(events))
        self.tasks.add(task)
        return await asyncio.shield(task)

    async def _slowly(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        for _ in range(random.Random(len(self.published)).randrange(60)):
            await asyncio.sleep(0)
        return await super().publish(events)


class SkipsWhatWasCancelled(FaultyBus):
    """Takes half of what was cancelled for sent."""

    cancelled = False

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        skipped, self.cancelled = self.cancelled, False
        try:
            return await super().publish(events[len(events) // 2 :] if skipped else events)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class Finds(PublisherContract):
    """Reads the bus. Not collected: its name does not begin with Test."""

    can_be_away = True
    can_reject = True

    async def arrived(self, publisher: Any, number: int) -> Sequence[EventPayload]:
        return [event_payload(one) for one in publisher.published]

    async def bodies(self, publisher: Any, number: int) -> Sequence[bytes]:
        encode = getattr(publisher, "encode", lambda payload: msgspec.json.encode(payload.data))
        return [encode(event_payload(one)) for one in publisher.published]

    @asynccontextmanager
    async def away(self, publisher: Any) -> AsyncIterator[None]:
        publisher.away = True
        yield
        publisher.away = False

    async def make_unacceptable(self, publisher: Any, event: Event) -> Event:
        return replace(event, scope="x" * 100)  # type: ignore[call-arg]


FAILURES = [name for name in vars(PublisherFailuresContract) if name.startswith("test_")]


@pytest.mark.parametrize("test", [*FAILURES, "test_bodies_are_json_objects_with_the_fields_of_the_event"])
async def test_the_sound_one_passes(test: str) -> None:
    await getattr(Finds(), test)(FaultyBus())


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (ForgetsTheLast, Finds.test_every_type_arrives_as_the_feed_shows_it),
        (ForgetsTheLast, Finds.test_runs_of_every_size_keep_the_order),
        (Overtakes, Finds.test_runs_of_every_size_keep_the_order),
        (Remembers, Finds.test_a_run_again_arrives_again_after_the_first),
        (CountsInMajorUnits, Finds.test_every_type_arrives_as_the_feed_shows_it),
        (WantsToBeStarted, Finds.test_it_starts_when_it_has_to),
        (EncodesArrays, Finds.test_bodies_are_json_objects_with_the_fields_of_the_event),
        (SwallowsOutages, Finds.test_a_bus_that_is_away_is_unavailable_and_gets_everything_later),
        (RaisesItsOwnErrors, Finds.test_a_bus_that_is_away_is_unavailable_and_gets_everything_later),
        (SendsWhatIsLeftLater, Finds.test_a_bus_that_is_away_is_unavailable_and_gets_everything_later),
        (SkipsTheRejected, Finds.test_an_event_that_is_never_taken_holds_back_its_aggregate_alone),
        (StopsAtTheRejected, Finds.test_an_event_that_is_never_taken_holds_back_its_aggregate_alone),
        (NeverRejects, Finds.test_an_event_that_is_never_taken_holds_back_its_aggregate_alone),
        (CountsFromOne, Finds.test_every_event_that_is_never_taken_is_named),
        (GoesOnWhenCancelled, Finds.test_a_call_that_is_cancelled_leaves_no_gap),
        (SkipsWhatWasCancelled, Finds.test_a_call_that_is_cancelled_leaves_no_gap),
    ],
    ids=lambda one: one.__name__,
)
async def test_the_suite_catches(
    broken: type[MemoryPublisher], test: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing_failures, "PATIENCE_SECONDS", 5.0)
    assert list(inspect.signature(test).parameters) == ["self", "publisher"]
    await test(Finds(), FaultyBus())
    with pytest.raises((AssertionError, TekanaError, OSError)):
        await test(Finds(), broken())
