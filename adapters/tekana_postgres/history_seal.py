"""The seal: links for rows that were there before history was linked. They are in a chain of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from tekana.ports.history import Head, HistoryKey, HistoryKeys, HistorySealed, Progress
from tekana_postgres.audit import require_newest
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.history import NOTHING
from tekana_postgres.history_links import FIRST_DIGEST, SEAL, Leaves, Records, insert_link, new_link, records_of
from tekana_postgres.history_rows import read_audit_rows, read_events, read_keys, read_transaction_rows
from tekana_postgres.unlinked_rows import (
    LINKED_AUDIT_ENTRIES,
    LINKED_EVENTS,
    LINKED_KEYS,
    LINKED_TRANSACTIONS,
    TIMEOUT_SECONDS,
)

_ROWS_IN_A_LINK: Final = 1_000

_SETTINGS: Final = """
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL work_mem = '64MB'
"""
_TRANSACTIONS: Final = f"""
WITH linked AS MATERIALIZED ({LINKED_TRANSACTIONS})
SELECT encode(uuid_send(t.id), 'hex'), encode(uuid_send(k.key_digest), 'hex')
FROM transactions t LEFT JOIN (
    SELECT transaction_id, (array_agg(key_digest))[1] AS key_digest FROM idempotency_keys
    WHERE transaction_id IS NOT NULL GROUP BY transaction_id
) k ON k.transaction_id = t.id
WHERE NOT EXISTS (SELECT FROM linked WHERE linked.id = t.id) ORDER BY t.id
"""
_ANSWERS: Final = f"""
WITH linked AS MATERIALIZED ({LINKED_KEYS})
SELECT encode(uuid_send(key_digest), 'hex') FROM idempotency_keys k
WHERE transaction_id IS NULL AND NOT EXISTS (SELECT FROM linked WHERE linked.id = k.key_digest) ORDER BY 1
"""
_EVENTS: Final = f"""
WITH linked AS MATERIALIZED ({LINKED_EVENTS})
SELECT position FROM outbox o
WHERE transaction_id IS NULL AND NOT EXISTS (SELECT FROM linked WHERE linked.id = o.position) ORDER BY 1
"""
_AUDIT_ENTRIES: Final = f"""
WITH linked AS MATERIALIZED ({LINKED_AUDIT_ENTRIES})
SELECT encode(uuid_send(id), 'hex') FROM audit_log a
WHERE NOT EXISTS (SELECT FROM linked WHERE linked.id = a.id) ORDER BY 1
"""


async def seal(url: str, keys: HistoryKeys, progress: Progress) -> int:
    """Add links for all rows without one, in one transaction. Its arguments are those of `History.seal`."""
    key = await keys.current()
    pool = ConnectionPool(url, size=1)
    try:
        async with raw_connection(pool) as connection, connection.transaction(isolation="repeatable_read"):
            await require_newest(connection)
            await connection.execute(_SETTINGS)
            if await connection.fetchval("SELECT EXISTS (SELECT FROM history_links WHERE chain = $1)", SEAL):
                raise HistorySealed
            return await _Seal(connection, key, await connection.fetchval("SELECT now()"), progress).write()
    finally:
        await pool.close()


class _Seal:
    """Writes the links of a seal, the last one even if it has no records: a seal can be done once."""

    def __init__(self, connection: asyncpg.Connection, key: HistoryKey, now: datetime, progress: Progress) -> None:
        self._connection = connection
        self._key = key
        self._leaves = Leaves(key.secret)
        self._now = now
        self._progress = progress
        self._head = Head(SEAL, 0, FIRST_DIGEST)

    async def write(self) -> int:
        """Write all links, and return the number of transactions."""
        total = await self._connection.fetchval("SELECT count(*) FROM transactions", timeout=TIMEOUT_SECONDS)
        done = 0
        async for rows in self._parts(_TRANSACTIONS):
            await self._write(await self._of_transactions(rows))
            done += len(rows)
            self._progress(done, total)
        async for rows in self._parts(_ANSWERS):
            found = await read_keys(self._connection, [row[0] for row in rows])
            await self._write(records_of(NOTHING._replace(keys=list(found.values())), self._leaves))
        async for rows in self._parts(_EVENTS):
            await self._write_events([row[0] for row in rows])
        async for rows in self._parts(_AUDIT_ENTRIES):
            found = await read_audit_rows(self._connection, [row[0] for row in rows])
            await self._write(records_of(NOTHING._replace(audit_log=list(found.values())), self._leaves))
        await self._write(Records(b"", b"", b"", b""))
        return done

    async def _parts(self, query: str) -> AsyncIterator[Sequence[Any]]:
        """Yield the rows of a query, as many at a time as a link has."""
        cursor = await self._connection.cursor(query, timeout=TIMEOUT_SECONDS)
        while rows := await cursor.fetch(_ROWS_IN_A_LINK, timeout=TIMEOUT_SECONDS):
            yield rows

    async def _of_transactions(self, rows: Sequence[Any]) -> Records:
        found = await read_transaction_rows(
            self._connection, [row[0] for row in rows], [row[1] for row in rows if row[1] is not None]
        )
        transactions = [found.transactions[row[0]] for row in rows]
        entries = [entry for row in rows for entry in found.entries.get(row[0], ())]
        return records_of(
            NOTHING._replace(keys=list(found.keys.values()), transactions=transactions, entries=entries), self._leaves
        )

    async def _write_events(self, positions: list[int]) -> None:
        found = await read_events(self._connection, positions)
        records = records_of(NOTHING._replace(outbox=[(None, *found[one]) for one in positions]), self._leaves)
        await self._write(records, positions)

    async def _write(self, records: Records, positions: list[int] | None = None) -> None:
        link = new_link(self._head, self._now, self._key, records)
        await insert_link(self._connection, link, positions)
        self._head = Head(link.chain, link.number, link.digest)
