"""In-memory stores, each with one bug about reversals that the contract suite has to detect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tekana.domain.book import Book
from tekana.domain.reversals import ORIGINALS
from tekana.domain.transaction import REVERSES, Transaction
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tests.contracts.broken_stores import BrokenStore

Records = Mapping[IdempotencyKey, IdempotencyRecord]


class ForgetsReversals(BrokenStore):
    """How much of a transaction was reversed is not saved, so that it can be reversed twice."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, records: Records) -> None:
            book.changes.added_of(ORIGINALS).clear()
            book.changes.changed_of(ORIGINALS).clear()
            await super().save(book, records)


class _ChangesOriginals(MemoryUnitOfWork):
    """Saves something else about transactions that are reversed."""

    changed: Mapping[str, Any] = {}

    async def save(self, book: Book, records: Records) -> None:
        for originals in (book.changes.added_of(ORIGINALS), book.changes.changed_of(ORIGINALS)):
            for one in originals.values():
                originals[one.id] = replace(one, **{name: change(one) for name, change in self.changed.items()})
        await super().save(book, records)


class CountsTooLittle(BrokenStore):
    """Less counts as reversed than was, so that more than the original can be reversed."""

    class unit(_ChangesOriginals):  # noqa: N801
        changed = {"reversed_minor": lambda one: one.reversed_minor * 9 // 10}  # noqa: RUF012


class ForgetsHoldsForPayers(BrokenStore):
    """Which holds are for the payer of a transaction is not saved, so that it can be reversed besides."""

    class unit(_ChangesOriginals):  # noqa: N801
        changed = {"hold_ids": lambda _: ()}  # noqa: RUF012


class UnlinksReversals(BrokenStore):
    """A reversal is saved without the transaction that it reverses."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _keep_transaction(self, transaction: Transaction) -> None:
            relation = transaction.request.relates_to
            if relation is not None and relation.kind == REVERSES:
                transaction = replace(transaction, request=replace(transaction.request, relates_to=None))
            super()._keep_transaction(transaction)


class GivesNothingBack(BrokenStore):
    """A reversal leaves the usage of limits as it was."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, records: Records) -> None:
            if any(one.request.type == "reversal" for one in book.transactions):
                for wallet in book.wallets_with_entries.values():
                    wallet.usage = self._state.wallets[wallet.id].usage
            await super().save(book, records)
