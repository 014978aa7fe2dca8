"""What this engine's own units of work have locked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tekana.domain.lock_set import LockSet


class OwnLocks:
    """What this engine's own units of work lock, so that a wait for one of them is never taken for a stuck item."""

    def __init__(self) -> None:
        self._held: dict[asyncio.Future[None], LockSet] = {}

    def __bool__(self) -> bool:
        """Whether a unit of work holds locks."""
        return bool(self._held)

    @contextmanager
    def held(self, locks: LockSet) -> Iterator[asyncio.Future[None]]:
        """Count these as locked for as long as the context lasts, which must be as long as the unit of work."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held[ended] = locks
        try:
            yield ended
        finally:
            del self._held[ended]
            ended.set_result(None)

    def extend(self, held: asyncio.Future[None], locks: LockSet) -> None:
        """Count these instead for the rest of a context."""
        self._held[held] = locks

    async def wait(self, locks: LockSet) -> bool:
        """Wait for the end of a unit of work that locks one of these. False if there is none."""
        needed = locks.items()
        units = [ended for ended, held in self._held.items() if not needed.isdisjoint(held.items())]
        if units:
            await asyncio.wait(units, return_when=asyncio.FIRST_COMPLETED)
        return bool(units)
