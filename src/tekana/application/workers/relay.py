"""The relay: tells the bus what happened, in order, and misses nothing.

    read what is unpublished ─> publish ─> wait until the bus has confirmed it ─> mark ─> …

It may die at any point: another one goes on from the last mark, so what was published and not marked comes again. That
is the only way in which an event comes twice, and consumers know it by its id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

from tekana.domain.errors import Unavailable
from tekana.domain.events import aggregate_id, event_id
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import Lease, LeaseLost, Outbox, ParkedEvent
from tekana.ports.publisher import Publisher

_log = logging.getLogger("tekana.relay")

LEASE_SECONDS: Final = 3.0
"""Seconds after which a relay that is not heard of is replaced."""

LAG_WARNING_SECONDS: Final = 60.0
"""Seconds after which an event that is not published yet is worth a warning."""

_RENEW: Final = LEASE_SECONDS / 3
_STAND_BY: Final = 0.5
_IDLE: Final = 0.02
_LOOK_FOR_ASKED: Final = 1.0
_AFTER_FAILURE: Final = 0.5
_LARGEST_RUN: Final = 1500  # events
_DROP: Final = 3600.0


class Relay:
    """Publishes an outbox on a bus, while it holds the lease. `holder` names this process, for operators.
    With nothing to publish, it looks again after `idle` seconds. What is published everywhere and older than
    `keep_days` is dropped, unless that is None.

    Any number of relays may run: one works, the others stand by.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        *,
        holder: str,
        idle: float = _IDLE,
        keep_days: int | None = None,
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._holder = holder
        self._idle = idle
        self._keep = None if keep_days is None else timedelta(days=keep_days)
        self._blocked: set[UUID] = set()
        self._failing = False

    async def run(self) -> None:
        """Work until cancelled. What fails is tried again for as long as it takes."""
        try:
            while True:
                try:
                    await self._stand_by_and_work()
                except* LeaseLost:
                    _log.warning("relay %s: another one works now", self._holder)
                except* Unavailable as errors:
                    self._tell_failure(errors)
                    await asyncio.sleep(_AFTER_FAILURE)
                except* Exception:  # not foreseen: to stop would help nobody
                    _log.exception("relay %s: failed", self._holder)
                    await asyncio.sleep(_AFTER_FAILURE)
        finally:
            await self._publisher.stop()

    async def _stand_by_and_work(self) -> None:
        lease = await self._outbox.acquire_lease(self._holder, LEASE_SECONDS)
        while lease is None:
            await asyncio.sleep(_STAND_BY)
            lease = await self._outbox.acquire_lease(self._holder, LEASE_SECONDS)
        _log.info("relay %s: at work, in epoch %d", self._holder, lease.epoch)
        try:
            async with asyncio.TaskGroup() as works:
                works.create_task(self._hold(lease))
                works.create_task(self._work(lease))
                if self._keep is not None:
                    works.create_task(self._drop(self._keep))
        finally:
            with suppress(Unavailable):
                await asyncio.shield(self._outbox.end_lease(lease))

    async def _hold(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            await self._outbox.renew_lease(lease, LEASE_SECONDS)

    async def _drop(self, older_than: timedelta) -> None:
        """By and by, as nothing waits for it."""
        while True:
            try:
                await prune(self._outbox, older_than)
            except Unavailable as error:  # busy: the next time, then
                _log.warning("relay %s: nothing is dropped from the outbox now: %s", self._holder, error)
            await asyncio.sleep(_DROP)

    async def _work(self, lease: Lease) -> None:
        self._blocked = set(await self._outbox.parked_aggregates())
        clock = asyncio.get_running_loop().time
        look_at = clock()
        cursor = lease.cursor
        run = await self._outbox.read(cursor, _LARGEST_RUN)
        while True:
            if clock() >= look_at:
                await self._publish_asked(lease)
                look_at = clock() + _LOOK_FOR_ASKED
            if run:
                cursor = run[-1].cursor
                parked, following = await asyncio.gather(self._publish(run), self._outbox.read(cursor, _LARGEST_RUN))
                await self._outbox.advance(lease, cursor, parked)
                self._tell_success()
                run = following
            else:
                await asyncio.sleep(self._idle)
                run = await self._outbox.read(cursor, _LARGEST_RUN)

    async def _publish(self, run: Sequence[FeedEvent]) -> list[ParkedEvent]:
        """Publish a run but for the aggregates that are blocked; gives what has to be parked, in order."""
        free = [fed for fed in run if aggregate_id(fed.event) not in self._blocked]
        reasons = {
            free[place].cursor: reason for place, reason in await self._publisher.publish([fed.event for fed in free])
        }
        parked = []
        for fed in run:
            reason = reasons.get(fed.cursor)
            if reason is not None:
                self._blocked.add(aggregate_id(fed.event))
                _log.error("event %s (%s) is parked: %s", event_id(fed.event), type(fed.event).__name__, reason)
            if aggregate_id(fed.event) in self._blocked:
                parked.append(ParkedEvent(fed, reason))
        return parked

    async def _publish_asked(self, lease: Lease) -> None:
        """Try parked events again that an operator asks for."""
        while asked := await self._outbox.retry_requested(_LARGEST_RUN):
            run = [one.fed for one in asked]
            self._blocked.difference_update(aggregate_id(fed.event) for fed in run)
            parked = await self._publish(run)
            still = {one.fed.cursor for one in parked}
            await self._outbox.unpark(lease, [fed.cursor for fed in run if fed.cursor not in still], parked)
            self._blocked = set(await self._outbox.parked_aggregates())

    def _tell_failure(self, errors: ExceptionGroup[Unavailable]) -> None:
        if not self._failing:
            _log.warning("relay %s: %s; trying until it works", self._holder, errors.exceptions[0])
        self._failing = True

    def _tell_success(self) -> None:
        if self._failing:
            _log.warning("relay %s: it works again", self._holder)
        self._failing = False


async def prune(outbox: Outbox, older_than: timedelta, tell: Callable[[int], object] = lambda _: None) -> int:
    """Drop what every relay has published and what happened longer ago, part by part; gives how many transactions.

    `tell` is told after each part. What is dropped stays dropped when it is stopped in between. Raises Unavailable.
    """
    dropped = 0
    while (transactions := await outbox.prune(older_than)) is not None:
        dropped += transactions
        _log.info("the places of %d transactions were dropped from the outbox", transactions)
        tell(dropped)
    return dropped


async def relay_warnings(outbox: Outbox) -> list[str]:
    """What an operator should know of publishing, each in a sentence; empty if all is well.

    Raises Unavailable.
    """
    warnings = []
    lag = await outbox.lag()
    if lag > LAG_WARNING_SECONDS:
        warnings.append(f"events have waited for {lag:,.0f} s to be published: is a relay at work, and the bus up?")
    if await outbox.parked(1):
        warnings.append("the bus refused events, which were set aside: `tekana outbox list` tells which")
    return warnings
