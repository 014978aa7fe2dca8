"""Parked events: those that the bus rejected for good, and the later events of the same aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol
from uuid import UUID

from tekana.ports.events import FeedEvent


class ParkedEvent(NamedTuple):
    """An event that a relay could not publish.

    Attributes:
        feed_event: the event and its cursor.
        reason: why the bus rejects the event; None if it was parked only to keep the order, after a rejected event of
            the same aggregate.
    """

    feed_event: FeedEvent
    reason: str | None


class ParkedEvents(Protocol):
    """The parked events of one relay. Safe to use from many tasks at once; every method may raise Unavailable."""

    async def aggregates(self) -> AbstractSet[UUID]:
        """Return the ids of the aggregates that have parked events."""
        ...

    async def list(self, limit: int) -> Sequence[ParkedEvent]:
        """Return the first `limit` parked events, in order."""
        ...

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        """Request that the parked events of one aggregate, or all of them (None), are published again.

        Returns:
            The number of these events.
        """
        ...

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        """Return the first `limit` parked events with a requested retry, in order."""
        ...

    async def unpark(self, epoch: int, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        """Remove published events and park others again, in one transaction.

        Args:
            epoch: the epoch of the relay's lease.
            published: the cursors of the events to remove.
            parked: the events to park again; requests to retry their aggregates are cleared.

        Raises:
            LeaseLost: this epoch of the lease has ended.
        """
        ...
