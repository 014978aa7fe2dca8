"""How changes are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from tekana.domain.book import Answer, Book
from tekana.domain.lock_set import LockedState, LockSet
from tekana.domain.webhooks import ConfiguredWebhook


class IdempotencyKey(NamedTuple):
    """An idempotency key. It belongs to a caller: the same key of another caller is another key.

    Callers' own keys are text of 1 to 255 characters. What a batch did is kept under longer ones that the core makes of
    the batch's: that, U+001F and a number.
    """

    tenant: str
    subject: str
    key: str


class IdempotencyRecord(NamedTuple):
    """What is kept under a key: the fingerprint of the command (64 bits, signed), and its answer.

    A ConfiguredWebhook is the answer to no command, but a key that led to one is used all the same.
    """

    fingerprint: int
    answer: Answer | ConfiguredWebhook


class UnitOfWork(Protocol):
    """One database transaction over a set of commands. Left without `save`, it never happened.

    The steps come in this order: `find_keys`, `lock`, `save`. `lock` may come twice: first for one item that is worth
    waiting for, then for everything. Any of them may raise Conflict (another unit won a race; nothing was stored; begin
    again) or Unavailable (the connection is gone; after `save` the outcome is unknown until the keys are looked up).
    """

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return the records of those keys that were used before."""
        ...

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
        """Lock everything that is named, kind by kind and wallets last, each in the order of ids, and read it.

        What a locked item brings along (see `LockKind`) is locked with it: a customer brings all their wallets. Until
        the unit ends no other unit can change any of it. Locks never deadlock between units.

        Args:
            locks: what to lock.
            wait: whether to wait for what another unit has locked. Otherwise only what is free is locked, and the rest
                is named in `busy`. A store that cannot tell them apart may wait all the same.

        Raises:
            Busy: the wait took too long.
        """
        ...

    async def read(self, locks: LockSet) -> LockedState:
        """Read what `lock` would lock, at one moment, without locking or waiting. Nothing can be saved after it."""
        ...

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Keep everything that was decided on the Book, and the records of the keys, all or nothing, durably.

        Raises Conflict if a key, a contact or a wallet was taken by another unit meanwhile.
        """
        ...


class BeginUnit(Protocol):
    """Begins a unit of work; leaving the context without `save` takes back everything."""

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
