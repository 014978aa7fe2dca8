"""Approvals, as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from tekana.domain.approvals import APPROVALS, Approval, approval_not_found
from tekana.domain.caller import Caller
from tekana.domain.identifiers import ApprovalId
from tekana.domain.policy import can_access
from tekana.ports.approvals import ApprovalFilter
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState


class MemoryApprovals:
    """Implements tekana.ports.approvals.Approvals."""

    def __init__(self, state: MemoryState, clock: Clock, caller: Caller) -> None:
        self._state = state
        self._clock = clock
        self._caller = caller

    async def get(self, approval_id: ApprovalId) -> Approval:
        for approval in self._accessible():
            if approval.id == approval_id:
                return approval
        raise approval_not_found(approval_id)

    async def list(self, which: ApprovalFilter, page: PageRequest, newest_first: bool = False) -> Page[Approval]:
        def order(approval_id: UUID) -> int:
            return -approval_id.int if newest_first else approval_id.int

        accessible = {one.id: one for one in self._accessible()}
        found = [one for one in accessible.values() if which.status in (None, one.status)]
        found.sort(key=lambda one: order(one.id))
        return page_of(found, page, lambda one: one.id, accessible, order=order)

    def _accessible(self) -> Iterator[Approval]:
        now = self._clock()
        for approval in self._state.items[APPROVALS.name].values():
            if can_access(self._caller, approval.tenant, approval.asker.customer_id):
                yield approval.shown_at(now)
