"""The parked events of a relay."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from tekana.domain.events import aggregate_id
from tekana.ports.parked_events import ParkedEvent
from tekana_memory.lease import MemoryLease
from tekana_memory.state import RelayRow, position_of


class MemoryParkedEvents:
    """Implements tekana.ports.parked_events.ParkedEvents. No method awaits, so each is atomic."""

    def __init__(self, row: RelayRow, lease: MemoryLease) -> None:
        self._row = row
        self._lease = lease

    async def aggregates(self) -> AbstractSet[UUID]:
        """Return the ids of the aggregates that have parked events."""
        return {aggregate_id(one.feed_event.event) for one in self._row.parked.values()}

    async def list(self, limit: int) -> Sequence[ParkedEvent]:
        """Return the first parked events."""
        return [one for _, one in sorted(self._row.parked.items())[:limit]]

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        """Request a retry for one aggregate, or for all."""
        parked = await self.aggregates()
        wanted = parked if aggregate_id is None else parked & {aggregate_id}
        self._row.retry_requested |= wanted
        return sum(_aggregate_of(one) in wanted for one in self._row.parked.values())

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        """Return the first parked events with a requested retry."""
        return [one for _, one in sorted(self._row.parked.items()) if _aggregate_of(one) in self._row.retry_requested][
            :limit
        ]

    async def unpark(self, epoch: int, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        """Remove published events, and park the others again."""
        self._lease.require(epoch)
        for cursor in published:
            del self._row.parked[position_of(cursor)]
        self.add(parked)
        self._row.retry_requested -= {_aggregate_of(one) for one in parked}
        self._row.retry_requested &= await self.aggregates()

    def add(self, parked: Sequence[ParkedEvent]) -> None:
        """Park these events."""
        for one in parked:
            self._row.parked[position_of(one.feed_event.cursor)] = one


def _aggregate_of(one: ParkedEvent) -> UUID:
    return aggregate_id(one.feed_event.event)
