"""Deadlines: nothing takes for ever.

Like `asyncio.timeout`, for a great many tasks that may take equally long each. As they are due in the order in which
they began, one timer looks after all, and a task costs next to nothing; for that, the moment is not exact.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

_LOOKS: Final = 30  # in the time that a task may take: how often the timer goes off


class Deadlines:
    """Cancels each task that takes longer than it may. All of them belong to one event loop."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Task[Any], float] = {}
        self._missed: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any], longest: float) -> None:
        """From now on the task may take so many seconds, the same for each, and a thirtieth of that more."""
        loop = task.get_loop()
        if not self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_later(longest / _LOOKS, self._look, loop, longest)
        self._due[task] = loop.time() + longest

    def was_missed(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task was cancelled for taking too long."""
        return task in self._missed

    def end(self, task: asyncio.Task[Any]) -> None:
        """The task may take as long as it likes again."""
        self._due.pop(task, None)
        self._missed.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop, longest: float) -> None:
        now = loop.time()
        for task, due in list(self._due.items()):
            if due > now:
                break
            del self._due[task]
            self._missed.add(task)
            task.cancel()
        self._timer = loop.call_later(longest / _LOOKS, self._look, loop, longest) if self._due else None
