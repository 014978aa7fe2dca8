"""The rows of holds, with those of their transactions, which never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from tekana.domain.holds import Hold
from tekana.domain.identifiers import TransactionId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.holds import HOLD_COLUMNS, state_of
from tekana_postgres.row_locks import NO_LOCK, RowLock
from tekana_postgres.rows import transaction_of

_LOCK = f"""
SELECT t.*, {", ".join(f"h.{name} AS hold_{name}" for name in HOLD_COLUMNS)}
FROM holds h JOIN transactions t ON t.id = h.id WHERE h.id = ANY($1) ORDER BY h.id {{row_lock}}
"""
_INSERT = f"""
INSERT INTO holds (id, {", ".join(HOLD_COLUMNS)})
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[])
"""
_UPDATE = f"""
UPDATE holds h SET {", ".join(f"{name} = d.{name}" for name in HOLD_COLUMNS)}
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[])
    AS d (id, {", ".join(HOLD_COLUMNS)})
WHERE h.id = d.id
"""


class HoldRows(KindRows):
    """Implements KindRows for holds."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[TransactionId], row_lock: RowLock
    ) -> dict[TransactionId, Hold]:
        of_holds = row_lock if row_lock == NO_LOCK else row_lock.replace("UPDATE", "UPDATE OF h")
        rows = await connection.fetch(_LOCK.format(row_lock=of_holds), ids)
        return {row["id"]: Hold(transaction=transaction_of(row, ()), state=state_of(row, "hold_")) for row in rows}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[TransactionId, Hold],
        changed: Mapping[TransactionId, Hold],
    ) -> None:
        if changed:
            await connection.execute(_UPDATE, *_columns(changed))
        if added:
            await connection.execute(_INSERT, *_columns(added))


def _columns(holds: Mapping[TransactionId, Hold]) -> list[Sequence[Any]]:
    """Return the values of each column, the id first."""
    rows = []
    for one in holds.values():
        state = one.state
        values = (
            state.amount_minor,
            state.captured_minor,
            state.status,
            state.expires_at,
            state.reason,
            state.sequence,
        )
        rows.append((one.id, *values))
    return list(zip(*rows, strict=True))
