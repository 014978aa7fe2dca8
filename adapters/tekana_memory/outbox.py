"""The outbox for a relay: its events, and the relay's cursor."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.ports.clock import Clock
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import RelayState
from tekana.ports.page import PAGE_SIZE_MAX, PageRequest
from tekana.ports.parked_events import ParkedEvent
from tekana_memory.lease import MemoryLease
from tekana_memory.parked_events import MemoryParkedEvents
from tekana_memory.readers import MemoryEvents
from tekana_memory.state import RelayRow, position_of


class MemoryOutbox:
    """Implements tekana.ports.outbox.Outbox. No method awaits, so each is atomic."""

    def __init__(self, row: RelayRow, events: MemoryEvents, clock: Clock) -> None:
        self._row = row
        self._events = events
        self._clock = clock
        self.lease = MemoryLease(row, clock)
        self.parked_events = MemoryParkedEvents(row, self.lease)

    async def cursor(self) -> str | None:
        """Return the cursor up to which all events are published or parked."""
        return self._row.cursor

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        """Return the events after the cursor."""
        return (await self._events.list(PageRequest(min(limit, PAGE_SIZE_MAX), after))).items

    async def advance(self, epoch: int, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        """Move the cursor, and park events."""
        self.lease.require(epoch)
        self._row.cursor = cursor
        self.parked_events.add(parked)

    async def rewind(self, cursor: str | None) -> None:
        """Move the cursor back, under a new epoch."""
        await self._events.list(PageRequest(1, cursor))  # raises if the cursor is invalid
        row = self._row
        row.cursor, row.epoch, row.holder, row.expires_at = cursor, row.epoch + 1, None, None

    async def state(self) -> RelayState:
        """Return the state of the relay."""
        row = self._row
        unpublished: list[FeedEvent] = []
        cursor = row.cursor
        while events := await self.read(cursor, PAGE_SIZE_MAX):
            unpublished += events
            cursor = events[-1].cursor
        return RelayState(
            holder=self.lease.holder,
            epoch=row.epoch,
            cursor=row.cursor,
            unpublished=len({position_of(one.cursor)[0] for one in unpublished}),
            oldest=unpublished[0].event.occurred_at if unpublished else None,
            parked=len(row.parked),
        )

    async def lag(self) -> float:
        """Return the age of the first unpublished event in seconds."""
        first = await self.read(self._row.cursor, 1)
        return (self._clock() - first[0].event.occurred_at).total_seconds() if first else 0.0
