"""In-memory stores, each with one bug about holds that the contract suite has to detect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tekana.domain.book import Book
from tekana.domain.holds import HOLDS, Hold, HoldReference
from tekana.domain.policy import visible_transaction
from tekana.domain.transaction import Transaction
from tekana.ports.due_holds import DueHold
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory.due_holds import MemoryDueHolds
from tekana_memory.readers import MemoryTransactions
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tests.contracts.broken_stores import BrokenStore


class ForgetsChangesOfHolds(BrokenStore):
    """What changes of a hold is not saved."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            book.changes.changed_of(HOLDS).clear()
            await super().save(book, records)


class RepeatsHoldsAsTheyAre(BrokenStore):
    """A repeated command about a hold is answered with its present state."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _record(self, kept: IdempotencyRecord) -> IdempotencyRecord:
            if isinstance(kept.answer, HoldReference):
                hold: Hold = self._state.items[HOLDS.name][kept.answer.hold_id]
                return IdempotencyRecord(kept.fingerprint, hold)
            return super()._record(kept)


class ShowsHoldsAsAuthorized(MemoryTransactions):
    """A hold is read in its first state."""

    def _visible(self, transaction: Transaction) -> Transaction | None:
        return visible_transaction(self._caller, transaction, ())


class ExpiresHoldsEarly(BrokenStore):
    """Holds are due before their time is over."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.due_holds = _AllOpen(self._state, self._clock)


class _AllOpen(MemoryDueHolds):
    def _all(self) -> Sequence[DueHold]:
        holds = self._state.items[HOLDS.name].values()
        return sorted(DueHold(one.state.expires_at, one.id) for one in holds if one.state.status == "pending")


class SortsDueHoldsById(BrokenStore):
    """Due holds are in the order of their ids."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.due_holds = _ById(self._state, self._clock)


class _ById(MemoryDueHolds):
    async def list(self, limit: int, after: DueHold | None = None) -> Sequence[DueHold]:
        found = sorted(self._all(), key=lambda one: one.id)
        return [one for one in found if after is None or one.id > after.id][:limit]
