"""How changes are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from tekana.domain.book import Answer, Book, LockedState, LockSet
from tekana.domain.webhooks import ConfiguredWebhook


class IdempotencyKey(NamedTuple):
    """An idempotency key. It belongs to a caller: the same key of another caller is another key.

    Callers' own keys are text of 1 to 255 characters. What a batch did is kept under longer ones that the core makes of
    the batch's: that, U+001F and a number.
    """

    caller: str
    key: str


class IdempotencyRecord(NamedTuple):
    """What a key was used for: the fingerprint of the command (64 bits, signed), and the answer it was given.

    A ConfiguredWebhook is the answer to no command, but a key that led to one is used all the same.
    """

    fingerprint: int
    answer: Answer | ConfiguredWebhook


class UnitOfWork(Protocol):
    """One database transaction over a set of commands. Left without `save`, it never happened.

    The moves come once each and in this order: `claim`, `lock`, `save`. Any of them may raise Conflict (another unit
    won a race; nothing was stored; begin again) or Unavailable (the connection is gone; after `save` the outcome is
    unknown, and the keys tell it).
    """

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """The keys among these that were used before, with what they led to."""
        ...

    async def lock(self, locks: LockSet) -> LockedState:
        """Lock customers, then wallets, each in the order of ids, and read them as they are then.

        Until the unit ends nobody else can change them. Locks never deadlock between units.
        """
        ...

    async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Keep everything that the Book says happened, and the keys, all or nothing, durably.

        Raises Conflict if a key, a contact or a wallet was taken by another unit meanwhile.
        """
        ...


class BeginUnit(Protocol):
    """Begins a unit of work; leaving the context without `save` takes back everything."""

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
