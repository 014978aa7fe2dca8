"""The rows of transactions that are reversed: they never change, but how much was reversed does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from tekana.domain.identifiers import TransactionId
from tekana.domain.reversals import Original
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.aggregates.transaction import read_transactions
from tekana_postgres.row_locks import NO_LOCK, WAIT, RowLock

_REVERSED: Final = "SELECT id, amount FROM reversals WHERE id = ANY($1) ORDER BY id {row_lock}"
_HOLDS: Final = """
SELECT relates_to, array_agg(id ORDER BY id) FROM transactions
WHERE relates_to = ANY($1) AND relation = 'reverses' AND status = 'pending' GROUP BY relates_to
"""
_INSERT: Final = "INSERT INTO reversals (id, amount) SELECT * FROM unnest($1::uuid[], $2::bigint[])"
_UPDATE: Final = """
UPDATE reversals r SET amount = d.amount FROM unnest($1::uuid[], $2::bigint[]) AS d (id, amount) WHERE r.id = d.id
"""


class OriginalRows(KindRows):
    """Implements KindRows for transactions that are reversed.

    Before the first reversal, or hold, there is no row to lock: of two first ones at once, one conflicts, and is
    decided again. With the row, no further hold can be added.
    """

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[TransactionId], row_lock: RowLock
    ) -> dict[TransactionId, Original]:
        reversed_ = dict(await connection.fetch(_REVERSED.format(row_lock=row_lock), ids))
        if row_lock != NO_LOCK:  # rows that another unit has locked are skipped; or they were added just now
            known = await connection.fetch(_REVERSED.format(row_lock=NO_LOCK), ids)
            others = [row["id"] for row in known if row["id"] not in reversed_]
            if others and row_lock == WAIT:
                reversed_ |= dict(await connection.fetch(_REVERSED.format(row_lock=row_lock), others))
            ids = [one for one in ids if one in reversed_ or one not in others]
        found = await read_transactions(connection, ids)
        holds = dict(await connection.fetch(_HOLDS, list(reversed_))) if reversed_ else {}
        return {
            one: Original(
                transaction=transaction, reversed_minor=reversed_.get(one, 0), hold_ids=tuple(holds.get(one, ()))
            )
            for one, transaction in found.items()
        }

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[TransactionId, Original],
        changed: Mapping[TransactionId, Original],
    ) -> None:
        for statement, originals in ((_UPDATE, changed), (_INSERT, added)):
            if originals:
                amounts = [one.reversed_minor for one in originals.values()]
                await connection.execute(statement, list(originals), amounts)
