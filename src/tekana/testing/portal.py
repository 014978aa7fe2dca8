"""An event loop in a thread of its own, so that code which is not async can have things done by code which is."""

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
    """`call` coroutines from any thread; they all run on one loop, and what they start there goes on between calls."""

    def __init__(self, patience: float = 60.0) -> None:
        self._patience = patience
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tekana portal", daemon=True)

    def __enter__(self) -> Portal:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._patience)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine on the loop, and wait for what it gives or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._patience)

    @contextmanager
    def entered(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Be inside an async context for as long as this one lasts. One task enters and leaves it, as some demand."""
        entered: Future[T] = Future()
        leave = asyncio.Event()
        task = asyncio.run_coroutine_threadsafe(_stay(context, entered, leave), self._loop)
        either: list[Future[Any]] = [entered, task]
        wait(either, self._patience, FIRST_COMPLETED)
        if not entered.done():
            task.result(0)  # it failed to enter, and says why; or nothing happened in time
        try:
            yield entered.result(0)
        finally:
            self._loop.call_soon_threadsafe(leave.set)
            task.result(self._patience)


async def _stay(context: AbstractAsyncContextManager[T], entered: Future[T], leave: asyncio.Event) -> None:
    async with context as given:
        entered.set_result(given)
        await leave.wait()
