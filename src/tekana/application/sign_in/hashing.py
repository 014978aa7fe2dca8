"""Hashing of passwords and codes with argon2id, in threads, with a bounded number of hashes at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from tekana.domain.errors import Overloaded

WAITING_MAX: Final = 100
"""Requests that wait for a thread; those beyond are refused. At 25 ms for a hash, the last waits for some seconds."""

# The minimum of the OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two iterations, one lane.
_ITERATIONS: Final = 2
_MEMORY_KIB: Final = 19 * 1024
_LANES: Final = 1

_T = TypeVar("_T")


class Hashing:
    """Hashes and compares passwords and codes, off the event loop.

    A request takes a slot before it reads or counts anything, so that one refused for lack of a thread changes nothing.

    Args:
        threads: the number of hashes at a time; by default one less than the processors, as the event loop needs one.
        waiting_max: how many requests may wait for a thread.
        iterations, memory_kib: the cost of a hash.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        waiting_max: int = WAITING_MAX,
        iterations: int = _ITERATIONS,
        memory_kib: int = _MEMORY_KIB,
    ) -> None:
        count = threads or max(1, (os.cpu_count() or 1) - 1)
        self._hasher = PasswordHasher(
            time_cost=iterations, memory_cost=memory_kib, parallelism=_LANES, hash_len=32, salt_len=16, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="password")
        self._slots = asyncio.Semaphore(count)
        self._admitted_max = count + waiting_max
        self._admitted = 0
        # A hash of a random text, to compare with where there is no other; made when it is needed first.
        self._decoy: str | None = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a thread. Raises Overloaded at once if too many wait already."""
        if self._admitted >= self._admitted_max:
            raise Overloaded("too many sign-ins at once: try again later")
        self._admitted += 1
        try:
            async with self._slots:
                yield
        finally:
            self._admitted -= 1

    async def hash(self, text: str) -> str:
        """Return the hash of a password or code. The caller has a slot."""
        return await self._run(lambda: self._hasher.hash(text))

    async def matches(self, text: str, hashed: str | None) -> bool:
        """Return whether a hash is of this text. The caller has a slot. Without a hash: False, after the same work."""
        if self._decoy is None:
            self._decoy = await self.hash(os.urandom(32).hex())
        compared = self._decoy if hashed is None else hashed
        return await self._run(lambda: self._matches(text, compared)) and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Return whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hashed)

    def stop(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)

    def _matches(self, text: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, text)
        except (Argon2Error, InvalidHashError, UnicodeEncodeError):
            return False

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
