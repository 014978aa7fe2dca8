"""Dry runs: what commands would lead to now, decided on a Book that is not saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from tekana.application.commands.batch import Batch
from tekana.application.commands.command import Command
from tekana.application.engine.decide import decide, decide_batch, with_further_locks
from tekana.application.engine.envelope import Envelope
from tekana.domain.answers import Answer
from tekana.domain.approvals import NO_APPROVALS
from tekana.domain.book import Book
from tekana.domain.caller import Caller
from tekana.domain.errors import Overloaded
from tekana.domain.lock_set import LockedState, LockSet, merge
from tekana.ports.unit_of_work import BeginUnit

# At once: dry runs take connections that real money needs.
_AT_ONCE_MAX: Final = 2
_WAITING_MAX: Final = 100


class Previews:
    """Decides commands on what a store holds now, and keeps nothing.

    Nothing is locked: a dry run never makes money wait.

    Args:
        begin: begins a unit of work.
        book_on: makes the Book of what a unit of work has read.
        stripe: which of the house wallets of a role and currency to use.
    """

    def __init__(self, begin: BeginUnit, book_on: Callable[[LockedState, Caller], Book], stripe: int) -> None:
        self._begin = begin
        self._book_on = book_on
        self._stripe = stripe
        self._at_once = asyncio.Semaphore(_AT_ONCE_MAX)
        self._waiting = 0

    async def decide(self, envelope: Envelope) -> Answer:
        """Return what a command would lead to now; for a refused one, its rejected transaction.

        For a command that needs an approval, this is what it would lead to if it were approved now.

        Raises:
            Overloaded: too many dry runs wait.
        """
        async with self._book_for([envelope.command], envelope.caller) as book:
            book.approval_rules = NO_APPROVALS
            return decide(envelope, book)

    async def decide_batch(self, batch: Batch, caller: Caller) -> Sequence[Answer]:
        """Return what each command of a batch would lead to now.

        Raises:
            InvalidRequest: a command needs the approval of a second person, so the batch would not be accepted.
            Overloaded: too many dry runs wait.
        """
        async with self._book_for(batch.transactions, caller) as book:
            return decide_batch(batch, book)

    @asynccontextmanager
    async def _book_for(self, commands: Sequence[Command[Answer]], caller: Caller) -> AsyncIterator[Book]:
        if self._waiting >= _WAITING_MAX:
            raise Overloaded("too many dry runs are waiting: try again")
        self._waiting += 1
        try:
            async with self._at_once:
                locks = merge([one.locks() for one in commands], self._stripe)
                locked = await self._read(locks)
                while more := with_further_locks(commands, locks, locked, self._stripe):
                    locks = more
                    locked = await self._read(locks)
                yield self._book_on(locked, caller)
        finally:
            self._waiting -= 1

    async def _read(self, locks: LockSet) -> LockedState:
        async with self._begin() as unit:
            return await unit.read(locks)
