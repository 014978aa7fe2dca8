"""A worker that is active in one of any number of processes: the one that holds the lease."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from tekana.application.workers.backoff import Backoff, Retry
from tekana.application.workers.tasks import end_tasks
from tekana.ports.lease import Lease, LeaseLost

_log = logging.getLogger("tekana.workers")

LEASE_SECONDS: Final = 3.0
"""The duration of a lease in seconds: another process takes over from one that does not renew it."""

_RENEW_SECONDS: Final = LEASE_SECONDS / 3
_HELD_PART: Final = 0.9  # of the lease; the rest is for stopping the work if it is not renewed
_STANDBY_SECONDS: Final = 0.5
_NEED_CHECK_SECONDS: Final = 1.0
_HAND_OVER_SECONDS: Final = 60.0
_RELEASE_SECONDS: Final = 1.0

RunOnceUnderLease = Callable[[int], Awaitable[float]]
"""Does the due work under the lease of the given epoch. Returns the seconds until there is more to do."""


async def _always() -> bool:
    return True


async def _nothing_to_stop() -> None:
    """Release nothing."""


class LeasedWorker:
    """Calls `run_once` repeatedly while this process holds the lease.

    A failure is retried under the same lease. After a minute of failures, the lease is left to another process, if one
    is on standby. The lease is released while there is nothing to do for longer than its duration.
    """

    def __init__(
        self,
        name: str,
        lease: Lease,
        run_once: RunOnceUnderLease,
        *,
        holder: str,
        is_needed: Callable[[], Awaitable[bool]] = _always,
        stop: Callable[[], Awaitable[None]] = _nothing_to_stop,
        backoff: Backoff | None = None,
    ) -> None:
        """Create the worker.

        Args:
            name: the name of the work in logs.
            lease: the right to do the work.
            run_once: does the due work. It may raise LeaseLost.
            holder: a name of this process, for operators.
            is_needed: whether there can be anything to do; while False, no lease is held.
            stop: releases the resources of `run_once` when the worker ends.
            backoff: the delays after failures; the default ones if None.
        """
        self.name = name
        self._lease = lease
        self._run_once = run_once
        self._holder = holder
        self._is_needed = is_needed
        self._stop = stop
        self._subject = f"{name} {holder}"
        self._retry = Retry(self._subject, _log, backoff)

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            while True:
                pause = await self._acquire_and_work()
                await asyncio.sleep(pause)
        finally:
            try:
                await self._stop()
            except Exception:
                _log.exception("%s: could not be stopped cleanly", self._subject)

    async def _acquire_and_work(self) -> float:
        """Acquire the lease and work while it is held. Return the seconds until the next attempt."""
        requested_at = asyncio.get_running_loop().time()
        try:
            needed = await self._is_needed()
            epoch = await self._lease.acquire(self._holder, LEASE_SECONDS) if needed else None
        except Exception as error:
            await self._retry.failed(error)
            return 0.0
        if epoch is None:
            self._retry.succeeded()
            return _STANDBY_SECONDS if needed else _NEED_CHECK_SECONDS
        if self._retry.failing_since is None:
            _log.info("%s: at work, in epoch %d", self._subject, epoch)
        try:
            return await self._work_while_held(epoch, requested_at + _HELD_PART * LEASE_SECONDS)
        finally:
            await self._release(epoch)

    async def _work_while_held(self, epoch: int, held_until: float) -> float:
        """Work until there is nothing to do, or the lease ends, which cancels the work."""
        renewal = asyncio.create_task(self._renew(epoch, held_until), name=f"lease of {self._subject}")
        work = asyncio.create_task(self._work(epoch), name=self._subject)
        try:
            await asyncio.wait((renewal, work), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(renewal, work)  # work under this lease ends before any other work begins
        if not work.cancelled():
            return work.result()
        return 0.0 if renewal.cancelled() else renewal.result()

    async def _work(self, epoch: int) -> float:
        clock = asyncio.get_running_loop().time
        check_need_at = clock() + _NEED_CHECK_SECONDS
        while True:
            try:
                pause = await self._retry.until_success(partial(self._run_once, epoch), give_up_on=(LeaseLost,))
                if clock() >= check_need_at:
                    if not await self._retry.until_success(self._is_needed):
                        return _NEED_CHECK_SECONDS
                    check_need_at = clock() + _NEED_CHECK_SECONDS
            except LeaseLost:
                _log.warning("%s: another process works now", self._subject)
                return 0.0
            if pause > LEASE_SECONDS:
                return pause
            await asyncio.sleep(pause)

    async def _renew(self, epoch: int, held_until: float) -> float:
        """Renew the lease until it is lost, or to be handed over. Return the seconds to leave it to other processes."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            await asyncio.sleep(min(_RENEW_SECONDS, max(0.0, held_until - clock())))
            requested_at = clock()
            try:
                async with asyncio.timeout_at(held_until):
                    await self._lease.renew(epoch, LEASE_SECONDS)
                held_until = requested_at + _HELD_PART * LEASE_SECONDS
            except LeaseLost:
                _log.warning("%s: another process works now", self._subject)
                return 0.0
            except Exception as error:  # retried until the lease ends
                if clock() >= held_until:
                    _log.warning("%s: the lease ended, as it could not be renewed: %r", self._subject, error)
                    return 2 * _STANDBY_SECONDS
            failing_since = self._retry.failing_since
            if failing_since is not None and clock() - max(failing_since, began) > _HAND_OVER_SECONDS:
                return 2 * _STANDBY_SECONDS

    async def _release(self, epoch: int) -> None:
        """Release the lease, so that other processes can acquire it at once. If this fails, it expires."""
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._lease.release(epoch)
        except Exception as error:
            _log.info("%s: the lease was not released, and will expire: %r", self._subject, error)
