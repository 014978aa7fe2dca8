"""Approvals, as they are read. Not from a replica, which may lag behind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from tekana.domain.approvals import Approval, approval_not_found
from tekana.domain.caller import Caller
from tekana.domain.identifiers import ApprovalId
from tekana.domain.policy import access_of
from tekana.ports.approvals import ApprovalFilter
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import id_cursor, page_of

APPROVAL_COLUMNS = (
    *("id", "asker", "command", "data", "request_id", "asked_at", "expires_at", "status", "decided_by", "decided_at"),
    *("reason", "rejection_code", "resource", "resource_id", "sequence"),
)
# The time is a parameter; NULL means the database's.
_SELECT = f"SELECT {', '.join(APPROVAL_COLUMNS)}, coalesce($1, now()) AS now FROM approvals"
_ACCESSIBLE = """
($2::text IS NULL OR tenant = $2) AND ($3::uuid IS NULL OR (asker::json ->> 'customer_id')::uuid = $3)
"""
_GET = f"{_SELECT} WHERE {_ACCESSIBLE} AND id = $4"
_IN_STATUS = {
    None: "true",
    "pending": "status = 'pending' AND expires_at > coalesce($1, now())",
    "expired": "status = 'pending' AND expires_at <= coalesce($1, now())",
    "approved": "status = 'approved'",
    "rejected": "status = 'rejected'",
    "failed": "status = 'failed'",
}


class PostgresApprovals:
    """Implements tekana.ports.approvals.Approvals."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None, caller: Caller) -> None:
        self._pool = pool
        self._clock = clock
        self._access = access_of(caller)

    async def get(self, approval_id: ApprovalId) -> Approval:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_GET, self._now(), *self._access, approval_id)
        if row is None:
            raise approval_not_found(approval_id)
        return _shown(row)

    async def list(self, which: ApprovalFilter, page: PageRequest, newest_first: bool = False) -> Page[Approval]:
        after, order = ("id < $4", "DESC") if newest_first else ("id > $4", "ASC")
        statement = (
            f"{_SELECT} WHERE {_ACCESSIBLE} AND {_IN_STATUS[which.status]} AND ($4::uuid IS NULL OR {after}) "
            f"ORDER BY id {order} LIMIT $5"
        )
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(statement, self._now(), *self._access, id_cursor(page), page.limit + 1)
        return page_of([_shown(row) for row in rows], page, lambda one: str(one.id))

    def _now(self) -> datetime | None:
        return None if self._clock is None else self._clock()


def approval_of(row: asyncpg.Record) -> Approval:
    """Read a row of `approvals` with APPROVAL_COLUMNS."""
    values: dict[str, Any] = {name: row[name] for name in APPROVAL_COLUMNS}
    return Approval(**{**values, "asker": msgspec.json.decode(row["asker"], type=Caller)})


def _shown(row: asyncpg.Record) -> Approval:
    return approval_of(row).shown_at(row["now"])
