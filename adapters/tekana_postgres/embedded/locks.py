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
    """Take a lock, and return its descriptor: bare, so that the garbage collector never frees it.

    Args:
        path: the lock's file, made if it is not there.
        how: flags of `fcntl.flock`.

    Raises:
        BlockingIOError: it is held, and `how` has LOCK_NB.
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
    """Hold a lock for as long as the context lasts."""
    descriptor = lock(path, how)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would leave it to a child that was forked meanwhile
        os.close(descriptor)


def is_free(path: Path) -> bool:
    """Return whether nothing holds a lock."""
    with contextlib.suppress(BlockingIOError), locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
        return True
    return False


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait until a condition is met, for so many seconds at most, and return whether it is."""
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return met
