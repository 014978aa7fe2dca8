"""Workers: background work of a process, and its start, restart and stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from tekana.application.workers.backoff import Backoff, Retry

_log = logging.getLogger("tekana.workers")

STOP_SECONDS: Final = 10.0
"""The time that workers have to stop, in seconds. Those that take longer are abandoned."""

_HEALTHY_SECONDS: Final = 60.0

RunOnce = Callable[[], Awaitable[float]]
"""Does the due work. Returns the seconds until there is more to do."""


class Worker(Protocol):
    """Background work. `run` runs until it is cancelled; a worker that has finished may return.

    If `run` raises, it is called again after a delay. It must not suppress its own cancellation.
    """

    @property
    def name(self) -> str:
        """The name of the work in logs."""
        ...

    async def run(self) -> None:
        """Do the work."""
        ...


class PeriodicWorker:
    """Calls `run_once` repeatedly, in each process that runs the worker. Failures are retried with a delay."""

    def __init__(self, name: str, run_once: RunOnce, *, backoff: Backoff | None = None) -> None:
        self.name = name
        self._run_once = run_once
        self._retry = Retry(name, _log, backoff)

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            pause = await self._retry.until_success(self._run_once)
            await asyncio.sleep(pause)


@asynccontextmanager
async def running(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run the workers in the background until the context ends.

    A worker that raises is restarted, with a growing delay. At the end all are cancelled, and awaited for at most
    STOP_SECONDS.
    """
    tasks = [asyncio.create_task(_keep_running(worker), name=worker.name) for worker in workers]
    try:
        yield
    finally:
        await _stop(tasks)


async def _keep_running(worker: Worker) -> None:
    retry = Retry(worker.name, _log)
    clock = asyncio.get_running_loop().time

    async def run() -> None:
        started = clock()
        try:
            await worker.run()
        except Exception:
            if clock() - started > _HEALTHY_SECONDS:
                retry.reset()
            raise

    await retry.until_success(run)


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    done, pending = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in done:
        if not task.cancelled() and (error := task.exception()):
            _log.error("%s: could not be stopped cleanly", task.get_name(), exc_info=error)
    for task in pending:
        _log.error("%s: did not stop within %g seconds", task.get_name(), STOP_SECONDS)
