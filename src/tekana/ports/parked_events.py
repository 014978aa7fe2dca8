"""Parked events: those that the bus refused for good, and those that wait behind them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol
from uuid import UUID

from tekana.ports.events import FeedEvent


class ParkedEvent(NamedTuple):
    """An event that was set aside. `reason` says why the bus refuses it.

    A reason of None marks an event that waits behind a refused one of the same aggregate, to keep their order.
    """

    fed: FeedEvent
    reason: str | None


class ParkedEvents(Protocol):
    """The parked events of one relay. Safe to use from many tasks at once; every method may raise Unavailable."""

    async def aggregates(self) -> AbstractSet[UUID]:
        """Return the ids of the aggregates that have parked events."""
        ...

    async def list(self, limit: int) -> Sequence[ParkedEvent]:
        """Return the first parked events, in order."""
        ...

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        """Have the parked events of one aggregate, or all, published once more. Returns how many events that is."""
        ...

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        """Return the first parked events whose retry was requested, in order."""
        ...

    async def unpark(self, epoch: int, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        """Remove the events at the cursors in `published`, and park those in `parked` again, all or nothing.

        No retry is requested any more for the aggregates of `parked`. Raises LeaseLost.
        """
        ...
