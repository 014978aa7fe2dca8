"""The publisher contract suite detects each of these bugs; test_publishers.py shows that correct publishers pass."""

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


class LosesLastEvent(MemoryPublisher):
    """Returns before its last event was sent."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(events[:-1] if len(events) > 1 else events)


class SendsInParallel(MemoryPublisher):
    """Sends the two halves of a long run concurrently."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        half = len(events) // 2 if len(events) > 100 else 0
        return await super().publish([*events[half:], *events[:half]])


class SkipsRepeatedEvents(MemoryPublisher):
    """Never sends an event twice, although the first attempt may have failed."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        known = {event_id(one) for one in self.published}
        return await super().publish([one for one in events if event_id(one) not in known])


class CountsInMajorUnits(MemoryPublisher):
    """Publishes other amounts than the event has."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(
            [replace(one, amount=one.amount // 100) if isinstance(one, WalletCredited) else one for one in events]
        )


class PublishesOnlyWhenStarted(MemoryPublisher):
    """Publishes nothing before `start` is called."""

    started = False

    async def start(self) -> None:
        self.started = True

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(events if self.started else [])


class FaultyBus(MemoryPublisher):
    """A correct publisher on a bus that can be unavailable and that rejects some events."""

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


class HidesOutages(FaultyBus):
    """Returns without an error although the bus is unavailable."""

    def is_away(self) -> None:
        return


class RaisesLibraryErrors(FaultyBus):
    """Raises the exceptions of its library instead of Unavailable."""

    def is_away(self) -> None:
        raise ConnectionRefusedError


class SendsFailedRunLater(FaultyBus):
    """Stores a failed run, and sends it again after the repeated one."""

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


class SendsAfterRejected(FaultyBus):
    """Sends the later events of an aggregate whose event was rejected."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        rejected.append(RejectedEvent(place, "too large"))


class HoldsAllBehindRejected(FaultyBus):
    """Holds back the events of all other aggregates too."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        rejected.append(RejectedEvent(place, "too large"))
        held.update(aggregate_id(one) for one in self.published)


class NeverRejects(FaultyBus):
    """Raises Unavailable for an event that the bus never accepts."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        raise Unavailable("a message was not taken")


class IndexesFromOne(FaultyBus):
    """Reports the index of the event after the rejected one."""

    def refuse(self, place: int, event: Event, rejected: list[RejectedEvent], held: set[UUID]) -> None:
        super().refuse(place + 1, event, rejected, held)


class ContinuesAfterCancellation(FaultyBus):
    """Sends in a task that continues after the call was cancelled, concurrently with later calls."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        task = asyncio.create_task(self._slowly(events))
        self.tasks.add(task)
        return await asyncio.shield(task)

    async def _slowly(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        for _ in range(random.Random(len(self.published)).randrange(60)):
            await asyncio.sleep(0)
        return await super().publish(events)


class SkipsCancelledEvents(FaultyBus):
    """Treats half of a cancelled run as sent."""

    cancelled = False

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        skipped, self.cancelled = self.cancelled, False
        try:
            return await super().publish(events[len(events) // 2 :] if skipped else events)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class ContractUnderTest(PublisherContract):
    """The contract suite on the bus in memory. pytest does not collect it, as its name does not begin with Test."""

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
async def test_a_correct_publisher_passes(test: str) -> None:
    await getattr(ContractUnderTest(), test)(FaultyBus())


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (LosesLastEvent, ContractUnderTest.test_every_type_arrives_as_the_feed_shows_it),
        (LosesLastEvent, ContractUnderTest.test_runs_of_every_size_keep_the_order),
        (SendsInParallel, ContractUnderTest.test_runs_of_every_size_keep_the_order),
        (SkipsRepeatedEvents, ContractUnderTest.test_a_run_again_arrives_again_after_the_first),
        (CountsInMajorUnits, ContractUnderTest.test_every_type_arrives_as_the_feed_shows_it),
        (PublishesOnlyWhenStarted, ContractUnderTest.test_it_starts_when_it_has_to),
        (EncodesArrays, ContractUnderTest.test_bodies_are_json_objects_with_the_fields_of_the_event),
        (HidesOutages, ContractUnderTest.test_a_bus_that_is_away_is_unavailable_and_gets_everything_later),
        (RaisesLibraryErrors, ContractUnderTest.test_a_bus_that_is_away_is_unavailable_and_gets_everything_later),
        (SendsFailedRunLater, ContractUnderTest.test_a_bus_that_is_away_is_unavailable_and_gets_everything_later),
        (SendsAfterRejected, ContractUnderTest.test_an_event_that_is_never_taken_holds_back_its_aggregate_alone),
        (HoldsAllBehindRejected, ContractUnderTest.test_an_event_that_is_never_taken_holds_back_its_aggregate_alone),
        (NeverRejects, ContractUnderTest.test_an_event_that_is_never_taken_holds_back_its_aggregate_alone),
        (IndexesFromOne, ContractUnderTest.test_every_event_that_is_never_taken_is_named),
        (ContinuesAfterCancellation, ContractUnderTest.test_a_call_that_is_cancelled_leaves_no_gap),
        (SkipsCancelledEvents, ContractUnderTest.test_a_call_that_is_cancelled_leaves_no_gap),
    ],
    ids=lambda one: one.__name__,
)
async def test_the_suite_detects_the_bug(
    broken: type[MemoryPublisher], test: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing_failures, "PATIENCE_SECONDS", 5.0)
    assert list(inspect.signature(test).parameters) == ["self", "publisher"]
    await test(ContractUnderTest(), FaultyBus())
    with pytest.raises((AssertionError, TekanaError, OSError)):
        await test(ContractUnderTest(), broken())
