"""The relay: publishes the events of an outbox in order, and skips none.

    read what is unpublished ─> publish ─> wait until the bus has confirmed it ─> advance the cursor ─> …

It may stop at any point: the next relay continues from the cursor, so events published after the cursor are published
again. This is the only case in which an event is published twice; consumers drop duplicates by its id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tekana.application.workers.backoff import Backoff
from tekana.application.workers.leased_worker import LeasedWorker
from tekana.application.workers.tasks import end_tasks
from tekana.domain.events import aggregate_id, event_id
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import Outbox
from tekana.ports.parked_events import ParkedEvent
from tekana.ports.publisher import Publisher, RejectedEvent

_log = logging.getLogger("tekana.relay")

LAG_WARNING_SECONDS: Final = 60.0
"""The age of an unpublished event, in seconds, from which on there is a warning."""

_IDLE_SECONDS: Final = 0.02
_RETRY_CHECK_SECONDS: Final = 1.0
_RUN_EVENTS_MAX: Final = 1500


@dataclass(slots=True)
class _Progress:
    """The progress of the relay under one lease.

    Attributes:
        run: the events that were read and are not published yet.
        blocked: the aggregates with parked events.
    """

    epoch: int
    cursor: str | None
    blocked: set[UUID]
    check_retries_at: float
    run: Sequence[FeedEvent] = field(default=())


Publish = Callable[[Sequence[FeedEvent]], Awaitable[Sequence[RejectedEvent]]]
"""Publishes a run of events, as `Publisher.publish` does."""


class Relay:
    """Publishes an outbox, run by run. `relay_worker` creates a worker that publishes on a bus."""

    def __init__(self, outbox: Outbox, publish: Publish, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        """Create the relay. While there is nothing to publish, it polls every `idle_seconds`."""
        self._outbox = outbox
        self._parked_events = outbox.parked_events
        self._publish_run = publish
        self._idle_seconds = idle_seconds
        self._progress: _Progress | None = None

    async def run_once(self, epoch: int) -> float:
        """Publish the next run of events under the lease of this epoch.

        Returns:
            The seconds until there may be more to publish.

        Raises:
            LeaseLost: this epoch of the lease has ended.
            Unavailable: the store or the bus cannot be reached; the run will be published again.
        """
        progress, self._progress = self._progress, None  # after a failure, begin at the cursor of the outbox
        if progress is None or progress.epoch != epoch:
            progress = await self._begin(epoch)
        delay = await self._publish_next(progress)
        self._progress = progress
        return delay

    async def _begin(self, epoch: int) -> _Progress:
        cursor = await self._outbox.cursor()
        blocked = set(await self._parked_events.aggregates())
        return _Progress(epoch, cursor, blocked, asyncio.get_running_loop().time())

    async def _publish_next(self, progress: _Progress) -> float:
        clock = asyncio.get_running_loop().time
        if clock() >= progress.check_retries_at:
            await self._retry_parked(progress)
            progress.check_retries_at = clock() + _RETRY_CHECK_SECONDS
        run = progress.run or await self._outbox.read(progress.cursor, _RUN_EVENTS_MAX)
        if not run:
            return self._idle_seconds
        if progress.cursor is not None and not progress.run:  # raises LeaseLost if the cursor was moved meanwhile
            await self._outbox.advance(progress.epoch, progress.cursor)
        cursor = run[-1].cursor
        parked, progress.run = await self._publish_and_read(run, progress.blocked, cursor)
        await self._outbox.advance(progress.epoch, cursor, parked)
        progress.cursor = cursor
        return 0.0

    async def _publish_and_read(
        self, run: Sequence[FeedEvent], blocked: set[UUID], cursor: str
    ) -> tuple[list[ParkedEvent], Sequence[FeedEvent]]:
        """Publish a run, and read the next one concurrently. If one fails, the other has ended when this raises."""
        publishing = asyncio.create_task(self._publish(run, blocked))
        reading = asyncio.create_task(_read(self._outbox, cursor))
        try:
            await asyncio.wait((publishing, reading), return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await end_tasks(publishing, reading)
        for task in (publishing, reading):
            if not task.cancelled() and (error := task.exception()):
                raise error
        return publishing.result(), reading.result()

    async def _publish(self, run: Sequence[FeedEvent], blocked: set[UUID]) -> list[ParkedEvent]:
        """Publish a run without the events of blocked aggregates. Return the events to park, in order."""
        free = [item for item in run if aggregate_id(item.event) not in blocked]
        rejected = await self._publish_run(free) if free else ()
        reasons = {free[one.event_index].cursor: one.reason for one in rejected}
        parked = []
        for item in run:
            reason = reasons.get(item.cursor)
            if reason is not None:
                blocked.add(aggregate_id(item.event))
                _log.error("event %s (%s) is parked: %s", event_id(item.event), item.event.NAME, reason)
            if aggregate_id(item.event) in blocked:
                parked.append(ParkedEvent(item, reason))
        return parked

    async def _retry_parked(self, progress: _Progress) -> None:
        """Publish the parked events whose retry an operator requested."""
        while requested := await self._parked_events.retry_requested(_RUN_EVENTS_MAX):
            run = [one.feed_event for one in requested]
            progress.blocked.difference_update(aggregate_id(item.event) for item in run)
            parked = await self._publish(run, progress.blocked)
            still = {one.feed_event.cursor for one in parked}
            published = [item.cursor for item in run if item.cursor not in still]
            await self._parked_events.unpark(progress.epoch, published, parked)
            progress.blocked = set(await self._parked_events.aggregates())


async def _read(outbox: Outbox, cursor: str) -> Sequence[FeedEvent]:
    return await outbox.read(cursor, _RUN_EVENTS_MAX)


def relay_worker(
    name: str,
    outbox: Outbox,
    publisher: Publisher,
    *,
    holder: str,
    backoff: Backoff | None = None,
) -> LeasedWorker:
    """Create the worker that publishes an outbox while it holds the outbox's lease.

    Any number of processes may run one for the same outbox: one publishes, the others are on standby.

    Args:
        name: the name of the worker in logs.
        outbox: the outbox to publish.
        publisher: the bus. It is stopped with the worker.
        holder: a name of this process, for operators.
        backoff: the delays after failures; the default ones if None.
    """

    async def publish(run: Sequence[FeedEvent]) -> Sequence[RejectedEvent]:
        return await publisher.publish([fed.event for fed in run])

    relay = Relay(outbox, publish)
    return LeasedWorker(name, outbox.lease, relay.run_once, holder=holder, stop=publisher.stop, backoff=backoff)


async def relay_warnings(outbox: Outbox) -> list[str]:
    """Return warnings for an operator about publishing, one sentence each; empty if there are none.

    Raises:
        Unavailable: the store cannot be reached.
    """
    warnings = []
    lag = await outbox.lag()
    if lag > LAG_WARNING_SECONDS:
        warnings.append(f"events have waited for {lag:,.0f} s to be published: is a relay at work, and the bus up?")
    if await outbox.parked_events.list(1):
        warnings.append("the bus refused events, which were set aside: `tekana outbox list` shows them")
    return warnings
