"""The outbox as a relay reads it.

A relay reads the outbox in order and publishes what it reads. Its cursor is stored with the outbox under the relay's
name, so that another process can continue. Only the process that holds the relay's lease may advance it.
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

    Attributes:
        holder: the process that holds the lease; None while the lease is free.
        epoch: the number of the last lease.
        cursor: all events up to it are published or parked; None at the beginning.
        unpublished: the number of outbox positions that are not published yet.
        oldest: the time of the first unpublished event; None if all are published.
        parked: the number of parked events.
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
        """The lease of this relay. `advance` and `unpark` require its epoch."""
        ...

    @property
    def parked_events(self) -> ParkedEvents:
        """The events that this relay parked."""
        ...

    async def cursor(self) -> str | None:
        """Return the cursor up to which all events are published or parked; None before the first stored event."""
        ...

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        """Return about `limit` events after the cursor, in the order that `tekana.ports.events` guarantees.

        Cheap while there are no new events, so that it can be polled.

        Args:
            after: the cursor; None begins with the first stored event.
            limit: the largest number of events; the result exceeds it only to include all events of one transaction.
        """
        ...

    async def advance(self, epoch: int, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        """Move the cursor and park events, in one transaction.

        Args:
            epoch: the epoch of the relay's lease.
            cursor: all events up to it are published or in `parked`.
            parked: the events to park.

        Raises:
            LeaseLost: this epoch of the lease has ended.
        """
        ...

    async def rewind(self, cursor: str | None) -> None:
        """Move the cursor back, so that all events after it are published again. Ends the present lease.

        Raises:
            InvalidRequest: the cursor is not one of the feed.
            EventsDropped: events after the cursor were dropped.
        """
        ...

    async def state(self) -> RelayState:
        """Return the state of the relay."""
        ...

    async def lag(self) -> float:
        """Return the age of the first unpublished event in seconds, by the store's clock; 0.0 if there is none.

        Parked events do not count. Cheap for any number of unpublished events.
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
