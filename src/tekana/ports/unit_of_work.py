"""The unit of work: one database transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol, runtime_checkable

from tekana.domain.answers import Answer
from tekana.domain.book import Book
from tekana.domain.lock_set import LockedState, LockSet


class IdempotencyKey(NamedTuple):
    """An idempotency key. Callers have separate keys: the same text of two callers makes two keys.

    The text of a caller's key has 1 to 255 characters. The key of a transaction of a batch is longer: the batch's key,
    U+001F and a number.
    """

    tenant: str
    subject: str
    key: str


KEY_SEPARATOR: Final = "\x1f"
"""Separates a batch's key from the number of one of its transactions. No caller's key contains it."""


def batch_keys(whole: IdempotencyKey, size: int) -> tuple[IdempotencyKey, ...]:
    """Return the keys of the transactions of a batch."""
    return tuple(whole._replace(key=f"{whole.key}{KEY_SEPARATOR}{place}") for place in range(size))


class IdempotencyRecord(NamedTuple):
    """The record of a used key: the fingerprint of the command (64 bits, signed), and its answer.

    A store keeps the `tekana.domain.answers.stored_form` of the answer. Where that is an AnswerReference, `find_keys`
    returns what it stands for by then; the reference itself, if that is gone.
    """

    fingerprint: int
    answer: Answer


class UnitOfWork(Protocol):
    """One database transaction for a group of commands. Without `save`, it is rolled back.

    The order of calls is `find_keys`, `lock`, `save`. `lock` may be called again for these items and further ones, to
    which the locked ones lead.

    Raises:
        Conflict: from any method: another unit won a race, and nothing was stored. Begin a new unit.
        Unavailable: from any method: the connection is lost. After `save`, the outcome is unknown until the keys are
            looked up.
    """

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return the records of those of the keys that were used before."""
        ...

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
        """Lock and read items, kind by kind and wallets last, each kind in order of ids.

        The wallets of a locked item (see `LockKind`) are locked with it: those of a customer, for example. Until the
        unit ends, no other unit can change a locked item. Locks of units never deadlock: if it is called again, the
        earlier locks are released first, unless they come before all further ones, and all items are locked and read
        anew, in the one order.

        Args:
            locks: the items to lock.
            wait: whether to wait for items that another unit has locked. Otherwise only free items are locked, and
                `busy` names the others. A store that cannot find out which are free may wait nevertheless.

        Raises:
            Busy: a lock was not granted in time.
        """
        ...

    async def read(self, locks: LockSet) -> LockedState:
        """Read what `lock` would lock, on one snapshot, without locks or waits. `save` must not be called after it."""
        ...

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Save the changes of the Book and the records of the keys, and commit durably.

        Raises:
            Conflict: another unit has used a key, taken a contact or opened a wallet meanwhile. Nothing was stored.
        """
        ...


class Unlocked(NamedTuple):
    """What was read without locks: the records of used keys, and the items."""

    known: Mapping[IdempotencyKey, IdempotencyRecord]
    state: LockedState


@runtime_checkable
class ReadsUnlocked(Protocol):
    """A unit of work that can also read without locks, for groups that are too small to pay for them. Optional."""

    async def read_unlocked(self, keys: Collection[IdempotencyKey], locks: LockSet) -> Unlocked:
        """Do what `find_keys` and then `lock` do, on one snapshot and without locks. Called instead of both.

        `save` then raises Conflict if another unit has changed a wallet that gets entries, or if the Book has other
        changes than entries.

        Args:
            keys: the keys to find.
            locks: the items to read: wallets only.
        """
        ...


class BeginUnit(Protocol):
    """A factory of units of work. Leaving the context without `save` rolls back."""

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
