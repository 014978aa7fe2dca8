"""Retrying: the one way in which work that failed is tried again."""

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
    """Delays between attempts: each is twice the one before, up to a maximum, less a random part."""

    def __init__(self, first_seconds: float | None = None, max_seconds: float | None = None) -> None:
        """Create it. The defaults are FIRST_DELAY_SECONDS and MAX_DELAY_SECONDS."""
        self._first_seconds = FIRST_DELAY_SECONDS if first_seconds is None else first_seconds
        self._max_seconds = MAX_DELAY_SECONDS if max_seconds is None else max_seconds
        self._next_seconds = self._first_seconds

    def next_delay(self) -> float:
        """Return how many seconds to wait before the next attempt."""
        delay = min(self._next_seconds, self._max_seconds)
        self._next_seconds = 2 * delay
        return delay * random.uniform(1 - _JITTER, 1)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Start again with the first delay."""
        self._next_seconds = self._first_seconds


class Retry:
    """Repeats work that fails, with a growing delay, and logs only when the state changes.

    Unavailable is logged as a warning without a stack, any other exception as an error with one. Repeated failures with
    the same type of exception are not logged again.
    """

    def __init__(self, subject: str, log: logging.Logger, backoff: Backoff | None = None) -> None:
        """Create it.

        Args:
            subject: what is repeated; log lines begin with it.
            log: where changes of state are logged.
            backoff: the delays; the default ones if None.
        """
        self._subject = subject
        self._log = log
        self._backoff = backoff or Backoff()
        self._failure: type[BaseException] | None = None
        self._failing_since = 0.0

    @property
    def failing_since(self) -> float | None:
        """The moment of the first failure since the last success, by the event loop's clock; None if there is none."""
        return None if self._failure is None else self._failing_since

    async def until_success(
        self, action: Callable[[], Awaitable[ResultT]], *, give_up_on: tuple[type[Exception], ...] = ()
    ) -> ResultT:
        """Await `action` again and again until it succeeds, and return its result.

        Cancelling the current task always ends it, whatever the action then raises. A CancelledError that the action
        raises while the task is not being cancelled is a failure as any other.

        Raises:
            the exceptions in `give_up_on`, as the action raised them.
        """
        while True:
            # In a task of its own: what the action makes of a cancellation, its own or another's, stays there.
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
        if not task.cancelled() and (error := task.exception()):
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
        """Log that it works again if it failed before, and start again with the first delay."""
        if self._failure is not None:
            self._log.warning("%s: it works again", self._subject)
            self.reset()

    def reset(self) -> None:
        """Forget earlier failures without logging anything."""
        self._failure = None
        self._backoff.reset()


async def _awaited(action: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await action()
