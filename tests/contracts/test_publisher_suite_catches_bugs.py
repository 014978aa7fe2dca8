"""Each of these broken publishers has to fail the suite; that the sound one passes is in test_publishers.py."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tekana.application.event_payload import EventPayload, event_payload
from tekana.domain.events import Event, WalletCredited, event_id
from tekana.testing.contracts import PublisherContract
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
    """Will not send an event again, though nobody knows whether it arrived."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        known = {event_id(one) for one in self.published}
        return await super().publish([one for one in events if event_id(one) not in known])


class CountsInMajorUnits(MemoryPublisher):
    """Changes what it tells."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(
            [replace(one, amount=one.amount // 100) if isinstance(one, WalletCredited) else one for one in events]
        )


class WantsToBeStarted(MemoryPublisher):
    """Is of no use until somebody starts it."""

    started = False

    async def start(self) -> None:
        self.started = True

    async def publish(self, events: Sequence[Event]) -> Sequence[Any]:
        return await super().publish(events if self.started else [])


class Finds(PublisherContract):
    """Reads the bus. Not collected: its name does not begin with Test."""

    async def arrived(self, publisher: Any, number: int) -> Sequence[EventPayload]:
        return [event_payload(one) for one in publisher.published]


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (ForgetsTheLast, Finds.test_every_type_arrives_as_the_feed_shows_it),
        (ForgetsTheLast, Finds.test_runs_of_every_size_keep_the_order),
        (Overtakes, Finds.test_runs_of_every_size_keep_the_order),
        (Remembers, Finds.test_a_run_again_arrives_again_after_the_first),
        (CountsInMajorUnits, Finds.test_every_type_arrives_as_the_feed_shows_it),
        (WantsToBeStarted, Finds.test_it_starts_when_it_has_to),
    ],
    ids=lambda one: one.__name__,
)
async def test_the_suite_catches(broken: type[MemoryPublisher], test: Callable[..., Any]) -> None:
    assert list(inspect.signature(test).parameters) == ["self", "publisher"]
    await test(Finds(), MemoryPublisher())
    with pytest.raises(AssertionError):
        await test(Finds(), broken())
