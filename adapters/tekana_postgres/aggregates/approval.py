"""The rows of approvals: locked before everything else, as the commands that they hold need more locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from tekana.domain.approvals import Approval
from tekana.domain.identifiers import ApprovalId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.approvals import APPROVAL_COLUMNS, approval_of
from tekana_postgres.row_locks import RowLock

_LOCK = f"SELECT {', '.join(APPROVAL_COLUMNS)} FROM approvals WHERE id = ANY($1) ORDER BY id {{row_lock}}"
_INSERT = f"""
INSERT INTO approvals ({", ".join(APPROVAL_COLUMNS)}, tenant)
VALUES ({", ".join(f"${number}" for number in range(1, len(APPROVAL_COLUMNS) + 2))})
"""
# What was asked for never changes.
_DECIDED = ("status", "decided_by", "decided_at", "reason", "rejection_code", "resource", "resource_id", "sequence")
_UPDATE = f"""
UPDATE approvals SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_DECIDED, 2))} WHERE id = $1
"""


class ApprovalRows(KindRows):
    """Implements KindRows for approvals."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[ApprovalId], row_lock: RowLock
    ) -> dict[ApprovalId, Approval]:
        rows = await connection.fetch(_LOCK.format(row_lock=row_lock), ids)
        return {row["id"]: approval_of(row) for row in rows}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[ApprovalId, Approval],
        changed: Mapping[ApprovalId, Approval],
    ) -> None:
        if changed:
            rows = [(one.id, *(getattr(one, name) for name in _DECIDED)) for one in changed.values()]
            await connection.executemany(_UPDATE, rows)
        if added:
            await connection.executemany(_INSERT, [_row(one) for one in added.values()])


def _row(approval: Approval) -> tuple[Any, ...]:
    values = {name: getattr(approval, name) for name in APPROVAL_COLUMNS}
    values["asker"] = msgspec.json.encode(approval.asker, order="deterministic").decode()
    return (*values.values(), approval.tenant)
