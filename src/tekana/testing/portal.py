"""An event loop in a thread of its own, for calls of coroutines from synchronous code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Portal:
    """Runs coroutines of any thread on one event loop, which also runs between the calls.

    Args:
        timeout_seconds: the longest duration of a call; a longer one raises TimeoutError.
    """

    def __init__(self, timeout_seconds: float = 60.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tekana portal", daemon=True)

    def __enter__(self) -> Portal:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._timeout_seconds)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._timeout_seconds)

    @contextmanager
    def entered(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an async context on the loop, and exit it with this one. The same task enters and exits it."""
        entered: Future[T] = Future()
        leave = asyncio.Event()
        task = asyncio.run_coroutine_threadsafe(_stay(context, entered, leave), self._loop)
        either: list[Future[Any]] = [entered, task]
        wait(either, self._timeout_seconds, FIRST_COMPLETED)
        if not entered.done():
            task.result(0)  # raises its error, or TimeoutError if it is still entering
        try:
            yield entered.result(0)
        finally:
            self._loop.call_soon_threadsafe(leave.set)
            task.result(self._timeout_seconds)


async def _stay(context: AbstractAsyncContextManager[T], entered: Future[T], leave: asyncio.Event) -> None:
    async with context as given:
        entered.set_result(given)
        await leave.wait()
