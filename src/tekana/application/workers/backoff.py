"""Retries with exponential backoff, for all background work."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from tekana.application.workers.tasks import end_tasks
from tekana.domain.errors import Unavailable

FIRST_DELAY_SECONDS: Final = 0.5
MAX_DELAY_SECONDS: Final = 5.0

_JITTER: Final = 0.2

ResultT = TypeVar("ResultT")


class Backoff:
    """The delays between attempts: exponential, up to a maximum, with jitter."""

    def __init__(self, first_seconds: float | None = None, max_seconds: float | None = None) -> None:
        """Create the delays. The defaults are FIRST_DELAY_SECONDS and MAX_DELAY_SECONDS."""
        self._first_seconds = FIRST_DELAY_SECONDS if first_seconds is None else first_seconds
        self._max_seconds = MAX_DELAY_SECONDS if max_seconds is None else max_seconds
        self._next_seconds = self._first_seconds

    def next_delay(self) -> float:
        """Return the delay before the next attempt, in seconds."""
        delay = min(self._next_seconds, self._max_seconds)
        self._next_seconds = 2 * delay
        return delay * random.uniform(1 - _JITTER, 1)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Start again with the first delay."""
        self._next_seconds = self._first_seconds


class Retry:
    """Retries failed work with a growing delay, and logs changes of state only.

    Unavailable is logged as a warning without a traceback, other exceptions as errors with one. Repeated failures with
    the same type of exception are not logged again.
    """

    def __init__(self, subject: str, log: logging.Logger, backoff: Backoff | None = None) -> None:
        """Create the retry of one piece of work.

        Args:
            subject: the name of the work; log lines begin with it.
            log: the logger for changes of state.
            backoff: the delays; the default ones if None.
        """
        self._subject = subject
        self._log = log
        self._backoff = backoff or Backoff()
        self._failure: type[BaseException] | None = None
        self._failing_since = 0.0

    @property
    def failing_since(self) -> float | None:
        """The time of the first failure since the last success, by the event loop's clock; None if there is none."""
        return None if self._failure is None else self._failing_since

    async def until_success(
        self, action: Callable[[], Awaitable[ResultT]], *, give_up_on: tuple[type[Exception], ...] = ()
    ) -> ResultT:
        """Await `action` repeatedly until it succeeds, and return its result.

        Cancelling the current task always ends it, even if the action suppresses the cancellation. A CancelledError of
        the action while the task is not being cancelled counts as a failure.

        Args:
            action: the work.
            give_up_on: exceptions that are not retried but raised.
        """
        while True:
            # In a separate task, so that cancellations within the action do not affect this one.
            task = asyncio.create_task(_awaited(action), name=self._subject)
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError:
                await self._end(task)
                raise
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                self.succeeded()
                return task.result()
            if isinstance(error, give_up_on):
                raise error
            await self.failed(error)

    async def _end(self, task: asyncio.Task[Any]) -> None:
        await end_tasks(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and type(error) is not self._failure:  # else it is logged already
            self._log.error("%s: could not be stopped cleanly", self._subject, exc_info=error)

    async def failed(self, error: BaseException) -> None:
        """Log a failure if it changes the state, and sleep until the next attempt is due."""
        if self._failure is None:
            self._failing_since = asyncio.get_running_loop().time()
        if type(error) is not self._failure:
            self._failure = type(error)
            if isinstance(error, Unavailable):
                self._log.warning("%s: %s; trying until it works", self._subject, error)
            else:
                self._log.error("%s: failed; trying until it works", self._subject, exc_info=error)
        await asyncio.sleep(self._backoff.next_delay())

    def succeeded(self) -> None:
        """Log the recovery if the work failed before, and start again with the first delay."""
        if self._failure is not None:
            self._log.warning("%s: it works again", self._subject)
            self.reset()

    def reset(self) -> None:
        """Clear earlier failures without logging."""
        self._failure = None
        self._backoff.reset()


async def _awaited(action: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await action()
