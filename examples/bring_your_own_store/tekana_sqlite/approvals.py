"""Approvals, as they are read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import json

from tekana.domain.approvals import Approval, approval_not_found
from tekana.domain.caller import Caller
from tekana.domain.errors import invalid
from tekana.domain.identifiers import ApprovalId
from tekana.domain.policy import can_access
from tekana.ports.approvals import ApprovalFilter
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest

from .database import Database

_decode = json.Decoder(Approval).decode


def approval_of(body: str) -> Approval:
    """Read a row of `approvals`."""
    approval: Approval = _decode(body)
    return approval


class SqliteApprovals:
    """Implements tekana.ports.approvals.Approvals. There are few: those that people decide on."""

    def __init__(self, database: Database, clock: Clock, caller: Caller) -> None:
        self._database = database
        self._clock = clock
        self._caller = caller

    async def get(self, approval_id: ApprovalId) -> Approval:
        for approval in self._read():
            if approval.id == approval_id:
                return approval
        raise approval_not_found(approval_id)

    async def list(self, which: ApprovalFilter, page: PageRequest, newest_first: bool = False) -> Page[Approval]:
        accessible = sorted(self._read(), key=lambda one: one.id, reverse=newest_first)
        ids = [str(one.id) for one in accessible]
        if page.cursor is not None and page.cursor not in ids:
            raise invalid("cursor", "must be a cursor that this list returned, unchanged")
        after = accessible if page.cursor is None else accessible[ids.index(page.cursor) + 1 :]
        found = [one for one in after if which.status in (None, one.status)]
        items = tuple(found[: page.limit])
        return Page(items, str(items[-1].id) if len(found) > page.limit else None)

    def _read(self) -> Sequence[Approval]:
        """Return the approvals that the caller has access to, in their status of now."""
        now = self._clock()
        found = [approval_of(body) for [body] in self._database.rows("SELECT body FROM approvals")]
        return [one.shown_at(now) for one in found if can_access(self._caller, one.tenant, one.asker.customer_id)]
