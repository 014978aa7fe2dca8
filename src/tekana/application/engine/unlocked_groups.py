"""Which groups are decided on what was read without locks."""

from __future__ import annotations

from typing import Final

from tekana.domain.lock_set import LockSet

COMMANDS_MAX: Final = 128
"""The largest group that is. A larger one shares the cost of locks, and is more likely to meet another."""

_LOCKED_MAX: Final = 63


class UnlockedGroups:
    """Allows small groups to be read without locks, as long as that mostly succeeds.

    A group that is read without locks takes two round trips instead of five; if another unit of work changes one of its
    wallets meanwhile, it is done again with locks. After a conflict some groups are locked from the start: twice as
    many after each further one, half as many after a success.
    """

    def __init__(self) -> None:
        self._locked = 0
        self._locked_left = 0

    def allow(self, commands: int, locks: LockSet) -> bool:
        """Whether to read for a group of this number of commands, which needs these items, without locks."""
        if commands > COMMANDS_MAX or locks.others:
            return False
        if self._locked_left:
            self._locked_left -= 1
            return False
        return True

    def note(self, *, conflict: bool) -> None:
        """Take into account whether a group met another unit of work."""
        self._locked = min(2 * self._locked + 1, _LOCKED_MAX) if conflict else self._locked // 2
        self._locked_left = self._locked if conflict else 0
