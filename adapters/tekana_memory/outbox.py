"""The outbox for a relay: what it reads, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from uuid import UUID

from tekana.domain.events import Event, aggregate_id
from tekana.domain.transaction import Transaction
from tekana.ports.clock import Clock
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import Lease, LeaseLost, ParkedEvent, RelayState
from tekana.ports.page import PAGE_SIZE_MAX, PageRequest
from tekana.ports.webhook_endpoints import RELAY as WEBHOOKS
from tekana_memory.readers import MemoryEvents
from tekana_memory.state import MemoryState


class MemoryOutbox:
    """Implements tekana.ports.outbox.Outbox. Nothing here awaits, so each step is all or nothing."""

    def __init__(self, state: MemoryState, relay: str, events: MemoryEvents, clock: Clock) -> None:
        self._state = state
        self._relay = state.relays[relay]
        self._events = events
        self._clock = clock

    async def acquire_lease(self, holder: str, seconds: float) -> Lease | None:
        """The lease, unless another one runs."""
        if self._runs():
            return None
        relay = self._relay
        relay.holder, relay.epoch = holder, relay.epoch + 1
        relay.expires_at = self._clock() + timedelta(seconds=seconds)
        return Lease(relay.epoch, relay.cursor)

    async def renew_lease(self, lease: Lease, seconds: float) -> None:
        """Go on holding it."""
        self._require(lease)
        self._relay.expires_at = self._clock() + timedelta(seconds=seconds)

    async def end_lease(self, lease: Lease) -> None:
        """Let others go on."""
        if lease.epoch == self._relay.epoch:
            self._relay.holder = self._relay.expires_at = None

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        """What happened after the cursor."""
        return (await self._events.list(PageRequest(min(limit, PAGE_SIZE_MAX), after))).items

    async def advance(self, lease: Lease, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        """Note how far it has come."""
        self._require(lease)
        self._relay.cursor = cursor
        self._park(parked)

    async def parked_aggregates(self) -> AbstractSet[UUID]:
        """Those of whose events any is parked."""
        return {aggregate_id(one.fed.event) for one in self._relay.parked.values()}

    async def parked(self, limit: int) -> Sequence[ParkedEvent]:
        """The first of the parked events."""
        return self._first(limit)

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        """Have them tried once more."""
        wanted = await self.parked_aggregates() & ({aggregate_id} if aggregate_id else await self.parked_aggregates())
        self._relay.asked |= wanted
        return sum(_of(one) in wanted for one in self._relay.parked.values())

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        """The first of those to be tried once more."""
        return [one for one in self._first(len(self._relay.parked)) if _of(one) in self._relay.asked][:limit]

    async def unpark(self, lease: Lease, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        """Some are published, others stay."""
        self._require(lease)
        for cursor in published:
            del self._relay.parked[_place(cursor)]
        self._park(parked)
        self._relay.asked -= {_of(one) for one in parked}
        self._relay.asked &= await self.parked_aggregates()

    async def rewind(self, cursor: str | None) -> None:
        """Begin again after the cursor, under a new epoch."""
        await self._events.list(PageRequest(1, cursor))  # knows a bad one
        relay = self._relay
        relay.cursor, relay.epoch, relay.holder, relay.expires_at = cursor, relay.epoch + 1, None, None

    async def prune(self, older_than: timedelta) -> int | None:
        """Show no more of it than is young, or not published everywhere."""
        outbox, before = self._state.outbox, self._state.dropped
        cursors = [one.cursor for name, one in self._state.relays.items() if one.epoch and self._tells(name)]
        published = min((_place(cursor)[0] if cursor else 0 for cursor in cursors), default=len(outbox))
        while self._state.dropped < published and _moment(outbox[self._state.dropped]) <= self._clock() - older_than:
            self._state.dropped += 1
        dropped = outbox[before : self._state.dropped]
        return sum(isinstance(one, Transaction) for one in dropped) if dropped else None

    async def state(self) -> RelayState:
        """How the relay stands."""
        relay = self._relay
        unpublished: list[FeedEvent] = []
        cursor = relay.cursor
        while events := await self.read(cursor, PAGE_SIZE_MAX):
            unpublished += events
            cursor = events[-1].cursor
        return RelayState(
            holder=relay.holder if self._runs() else None,
            epoch=relay.epoch,
            cursor=relay.cursor,
            unpublished=len({_place(one.cursor)[0] for one in unpublished}),
            oldest=unpublished[0].event.occurred_at if unpublished else None,
            parked=len(relay.parked),
        )

    async def lag(self) -> float:
        """For how long the first of what is unpublished waits."""
        first = await self.read(self._relay.cursor, 1)
        return (self._clock() - first[0].event.occurred_at).total_seconds() if first else 0.0

    def _tells(self, relay: str) -> bool:
        """That of webhooks stands still while there are none."""
        return relay != WEBHOOKS or any(one.status == "active" for one in self._state.webhook_endpoints.values())

    def _runs(self) -> bool:
        return self._relay.expires_at is not None and self._relay.expires_at > self._clock()

    def _require(self, lease: Lease) -> None:
        if lease.epoch != self._relay.epoch:
            raise LeaseLost("another process holds the lease")

    def _park(self, parked: Sequence[ParkedEvent]) -> None:
        for one in parked:
            self._relay.parked[_place(one.fed.cursor)] = one

    def _first(self, limit: int) -> list[ParkedEvent]:
        return [one for _, one in sorted(self._relay.parked.items())[:limit]]


def _of(one: ParkedEvent) -> UUID:
    return aggregate_id(one.fed.event)


def _moment(one: Transaction | Event) -> datetime:
    return one.created_at if isinstance(one, Transaction) else one.occurred_at


def _place(cursor: str) -> tuple[int, int]:
    position, _, place = cursor.partition(".")
    return int(position), int(place)
