"""File locks, and waiting."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def lock(path: Path, how: int) -> int:
    """Acquire a lock, and return its descriptor: an int, so that garbage collection does not release it.

    Args:
        path: the file of the lock, created if it is missing.
        how: flags of `fcntl.flock`.

    Raises:
        BlockingIOError: the lock is held, and `how` has LOCK_NB.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock until the context ends."""
    descriptor = lock(path, how)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would not release it in a child that was forked meanwhile
        os.close(descriptor)


def is_free(path: Path) -> bool:
    """Return whether no process holds a lock."""
    with contextlib.suppress(BlockingIOError), locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
        return True
    return False


def wait_until(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait until a condition is true, for at most `seconds`, and return whether it is."""
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return met
