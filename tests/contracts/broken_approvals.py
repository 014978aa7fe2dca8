"""In-memory stores, each with one bug about approvals that the contract suite has to detect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tekana.domain.approvals import APPROVALS, Approval
from tekana.domain.book import Book
from tekana.domain.identifiers import ApprovalId
from tekana.domain.lock_set import LockedState, LockSet
from tekana.ports.approvals import ApprovalFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory import MemoryStore
from tekana_memory.approvals import MemoryApprovals
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tests.contracts.broken_stores import BrokenStore


class ForgetsDecisions(BrokenStore):
    """A decided approval stays pending."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            book.changes.changed_of(APPROVALS).clear()
            await super().save(book, records)


class ForgetsWhoAsked(BrokenStore):
    """The subject of the asker is lost when an approval is locked."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            locked = await super().lock(locks, wait=wait)
            found = locked.of(APPROVALS)
            for approval_id, approval in found.items():
                found[approval_id] = replace(approval, asker=replace(approval.asker, subject="unknown"))
            return locked


class NeverExpires(MemoryStore):
    """Pending approvals are shown as pending for ever."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        first = datetime.fromisoformat("2000-01-01T00:00:00Z")
        self.approvals = lambda caller: MemoryApprovals(self._state, lambda: first, caller)  # type: ignore[assignment]


class ShowsApprovalsOfAllTenants(MemoryStore):
    """Approvals of other tenants are found."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.approvals = lambda caller: _OfAll(self._state, self._clock, caller)  # type: ignore[assignment]


class _OfAll(MemoryApprovals):
    async def get(self, approval_id: ApprovalId) -> Approval:
        found: Approval | None = self._state.items[APPROVALS.name].get(approval_id)
        return found or await super().get(approval_id)


class IgnoresTheStatus(MemoryStore):
    """Lists have approvals in any status."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.approvals = lambda caller: _InAnyStatus(self._state, self._clock, caller)  # type: ignore[assignment]


class _InAnyStatus(MemoryApprovals):
    async def list(self, which: ApprovalFilter, page: PageRequest, newest_first: bool = False) -> Page[Approval]:
        return await super().list(ApprovalFilter(), page, newest_first)
