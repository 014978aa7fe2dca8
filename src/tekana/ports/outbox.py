"""The outbox as a relay reads it.

A relay reads the outbox in order and publishes what it reads. Its cursor is kept with the outbox under the relay's
name, so that another process can continue where one stopped. The process that holds the relay's lease may advance it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from tekana.ports.events import FeedEvent
from tekana.ports.lease import Lease, LeasingStore
from tekana.ports.parked_events import ParkedEvent, ParkedEvents
from tekana.ports.retention import Retention


class RelayState(NamedTuple):
    """The state of a relay, for operators.

    holder: the process that holds the lease; None while the lease is free.
    epoch: the number of the last lease.
    cursor: up to where everything is published or parked; None at the beginning.
    unpublished: how many positions of the outbox are not published yet.
    oldest: when the first unpublished event happened; None if everything is published.
    parked: how many events are parked.
    """

    holder: str | None
    epoch: int
    cursor: str | None
    unpublished: int
    oldest: datetime | None
    parked: int


class Outbox(Protocol):
    """The outbox for one relay. Safe to use from many tasks at once; every method may raise Unavailable."""

    @property
    def lease(self) -> Lease:
        """The lease of this relay. Its epoch is what `advance` and `unpark` ask for."""
        ...

    @property
    def parked_events(self) -> ParkedEvents:
        """The events that this relay set aside."""
        ...

    async def cursor(self) -> str | None:
        """Return up to where everything is published or parked; None to begin with the first event that is kept."""
        ...

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        """Return at most `limit` events after the cursor, ordered as `tekana.ports.events` promises.

        There may be more than `limit` if all are of one transaction. None begins with the first event that is kept.
        Cheap while nothing new happens, so that it can be called often.
        """
        ...

    async def advance(self, epoch: int, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        """Move the cursor, as everything up to it is published or in `parked`: all or nothing. Raises LeaseLost."""
        ...

    async def rewind(self, cursor: str | None) -> None:
        """Have everything after the cursor published once more. The holder of the lease loses it.

        Raises InvalidRequest for a bad cursor, EventsDropped for one of what was dropped.
        """
        ...

    async def state(self) -> RelayState:
        """Return the state of the relay."""
        ...

    async def lag(self) -> float:
        """Return for how many seconds the first unpublished event has waited, by the store's clock; 0.0 if none waits.

        Parked events do not count. Cheap, however many events wait.
        """
        ...


@runtime_checkable
class RelayedStore(LeasingStore, Protocol):
    """A store with an outbox that relays can publish. Optional for a store."""

    @property
    def retention(self) -> Retention:
        """Drops old parts of the outbox."""
        ...

    def outbox(self, relay: str) -> Outbox:
        """Return the outbox for the relay of this name."""
        ...
