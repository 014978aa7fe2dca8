"""Deadlines of tasks that may all take equally long.

They do what `asyncio.timeout` does, for less: as tasks become due in the order in which they began, one timer serves
all of them, and its accuracy is a thirtieth of the timeout. `asyncio.timeout` makes a timer for each task.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

_CHECKS_PER_TIMEOUT: Final = 30


class Deadlines:
    """Cancels each task that takes too long. All of them belong to one event loop."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Task[Any], float] = {}
        self._missed: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any], timeout_seconds: float) -> None:
        """Cancel the task after this time, which is the same for all tasks, or up to a thirtieth later."""
        loop = task.get_loop()
        if not self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_later(timeout_seconds / _CHECKS_PER_TIMEOUT, self._check, loop, timeout_seconds)
        self._due[task] = loop.time() + timeout_seconds

    def was_missed(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task was cancelled because it took too long."""
        return task in self._missed

    def end(self, task: asyncio.Task[Any]) -> None:
        """Remove the task's deadline."""
        self._due.pop(task, None)
        self._missed.discard(task)

    def _check(self, loop: asyncio.AbstractEventLoop, timeout_seconds: float) -> None:
        now = loop.time()
        for task, due in list(self._due.items()):
            if due > now:
                break
            del self._due[task]
            self._missed.add(task)
            task.cancel()
        delay = timeout_seconds / _CHECKS_PER_TIMEOUT
        self._timer = loop.call_later(delay, self._check, loop, timeout_seconds) if self._due else None
