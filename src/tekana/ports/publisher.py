"""Telling others what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from tekana.domain.events import Event


class RejectedEvent(NamedTuple):
    """An event that the bus will never take: its place in the run, from 0, and why, in words for an operator."""

    place: int
    reason: str


@runtime_checkable
class Publisher(Protocol):
    """A bus that events are put on. It is built from a URL without touching the world. For one task at a time."""

    @property
    def location(self) -> str:
        """Where the bus is, in words for an operator, without anything secret."""
        ...

    async def start(self) -> None:
        """Connect, and make what is missing on the bus. `publish` does so too, where this failed or was left out.

        Raises Unavailable if the bus cannot be reached, or does not let this happen.
        """
        ...

    async def stop(self) -> None:
        """Let go of everything; sends nothing more. May be called twice, or without `start`."""
        ...

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Put a run of events on the bus, and wait until it has confirmed each of them; gives those it will never take.

        An event of an aggregate is sent when those before it in the run have arrived, so consumers get each aggregate's
        events in the order of the runs. After one that the bus will never take, no more of that aggregate's are sent,
        and nothing is told of them. The same run again brings the same events again: consumers know them by their
        `event_id`. A call that is cancelled may still send what it was given, before anything that comes after it.

        Raises Unavailable if the bus does not confirm in time. Of each aggregate's events, the first ones may have
        arrived then, and nobody knows how many: publish the run again, as a whole and before any other.
        """
        ...
