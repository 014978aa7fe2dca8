"""Stores with planted bugs in their audit logs, each of which the suite has to catch."""

from collections.abc import Mapping, Sequence

from tekana.domain.audit_log import AuditEntry
from tekana.domain.book import Book
from tekana.ports.audit_log import ALL_ENTRIES, AuditFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory import MemoryStore
from tekana_memory.audit_log import MemoryAuditLog
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tests.contracts.broken_stores import BrokenStore


class DropsEntriesOfRefusals(BrokenStore):
    """Only what was done is in the audit log."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            book.audit_log = [one for one in book.audit_log if one.outcome == "done"]
            await super().save(book, records)


class LosesTheStateBefore(BrokenStore):
    """Entries do not have what there was before."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            await super().save(book, records)
            for one in book.audit_log:
                object.__setattr__(self._state.audit_log[one.id], "before", None)


class KeepsTheTimeOfTheProcess(MemoryStore):
    """Entries outside units of work have the time of the process that writes them."""

    class records:  # noqa: N801
        def __init__(self, store: MemoryStore) -> None:
            self._store = store

        async def append(self, entries: Sequence[AuditEntry]) -> None:
            self._store._state.audit_log.update({one.id: one for one in entries})

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.audit_records = self.records(self)  # type: ignore[assignment]


class IncludesTheEnd(MemoryAuditLog):
    async def list(
        self, page: PageRequest, which: AuditFilter = ALL_ENTRIES, newest_first: bool = False
    ) -> Page[AuditEntry]:
        return await super().list(page, which._replace(end=None), newest_first)


class IgnoresNewestFirst(MemoryAuditLog):
    async def list(
        self, page: PageRequest, which: AuditFilter = ALL_ENTRIES, newest_first: bool = False
    ) -> Page[AuditEntry]:
        return await super().list(page, which)
