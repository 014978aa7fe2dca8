"""The outbox, as those see it who tell others what happened.

A relay reads the outbox in order and publishes what it reads. How far it has come is kept with the outbox, under the
relay's name, so that another process can go on where one has died. One at a time may: the one that holds the lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from tekana.ports.events import FeedEvent
from tekana.ports.store import Store


class LeaseLost(Exception):
    """Another process holds the lease by now. Nothing was marked."""


class Lease(NamedTuple):
    """The sole right to go on from `cursor` (None: from the beginning).

    Each new holder has a higher `epoch`. What is marked under an old one is refused: a process that slept through the
    end of its lease does no harm.
    """

    epoch: int
    cursor: str | None


class ParkedEvent(NamedTuple):
    """An event that was set aside: `reason` says why the bus will never take it.

    None stands for an event that waits behind such a one of the same aggregate, whose events keep their order.
    """

    fed: FeedEvent
    reason: str | None


class RelayState(NamedTuple):
    """How a relay stands. `holder` is None while no lease runs; `unpublished` counts places of the outbox.

    `oldest` is the moment at which the first of what is unpublished happened.
    """

    holder: str | None
    epoch: int
    cursor: str | None
    unpublished: int
    oldest: datetime | None
    parked: int


class Outbox(Protocol):
    """The outbox for one relay. Safe to use from many tasks at once; everything may raise Unavailable."""

    async def acquire_lease(self, holder: str, seconds: float) -> Lease | None:
        """The lease for so many seconds, by the store's clock; None while somebody else holds it."""
        ...

    async def renew_lease(self, lease: Lease, seconds: float) -> None:
        """So many seconds from now on. Raises LeaseLost."""
        ...

    async def end_lease(self, lease: Lease) -> None:
        """Let others go on at once. Does nothing if the lease is lost already."""
        ...

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        """What happened after the cursor, as `tekana.ports.events` promises it; `limit` events, and perhaps a few more.

        None begins with the first event that is kept.
        """
        ...

    async def advance(self, lease: Lease, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        """Everything up to the cursor is published, or parked by now: all or nothing. Raises LeaseLost."""
        ...

    async def parked_aggregates(self) -> AbstractSet[UUID]:
        """The ids of those of whose events any is parked."""
        ...

    async def parked(self, limit: int) -> Sequence[ParkedEvent]:
        """The first of the parked events, in order."""
        ...

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        """Have what is parked tried once more, of one aggregate or of all; gives how many events that is."""
        ...

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        """The first of the parked events of those that are to be tried once more, in order."""
        ...

    async def unpark(self, lease: Lease, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        """Those at these cursors are published now; the others stay, and nobody asks for those of their aggregates now.

        Raises LeaseLost.
        """
        ...

    async def rewind(self, cursor: str | None) -> None:
        """Publish everything after the cursor once more. Whoever holds the lease loses it.

        Raises InvalidRequest for a bad cursor, EventsDropped for one of what was dropped.
        """
        ...

    async def prune(self, older_than: timedelta) -> int | None:
        """Drop some of what every relay has published and what happened longer ago; None if there is nothing to drop.

        Gives how many transactions are announced no more. What the outbox alone tells, of customers and of what was
        done to wallets, stays for the audit. The feed and the relays begin after it all.
        """
        ...

    async def state(self) -> RelayState:
        """How the relay stands."""
        ...

    async def lag(self) -> float:
        """For how many seconds the first of what is unpublished waits, by the store's clock; 0.0 if nothing does.

        What is parked does not count. Cheap, however much waits.
        """
        ...


@runtime_checkable
class RelayedStore(Store, Protocol):
    """A store whose events can be relayed: not every one has to be."""

    def outbox(self, relay: str) -> Outbox:
        """The outbox, for the relay of this name."""
        ...
