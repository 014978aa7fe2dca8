"""The journal, on one snapshot of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from tekana.domain.identifiers import first_transaction_id
from tekana.domain.transaction import Transaction
from tekana.ports.clock import Clock
from tekana.ports.journal import JournalWallet
from tekana_postgres.aggregates.transaction import read_transactions
from tekana_postgres.connections import ConnectionPool, raw_connection

_LOWEST, _HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)

_PER_READ: Final = 1_000

_SETTINGS = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"

# The balances now, less what was posted since each end of the period.
_WALLETS = """
WITH since AS (
    SELECT wallet_id, sum(amount) AS start, sum(amount) FILTER (WHERE transaction_id >= $2) AS end
    FROM entries WHERE transaction_id >= $1 GROUP BY wallet_id
)
SELECT id, house, currency, created_at, (ledger_balance - coalesce(since.start, 0))::bigint AS opening_balance,
       (ledger_balance - coalesce(since.end, 0))::bigint AS closing_balance
FROM wallets LEFT JOIN since ON wallet_id = id
WHERE created_at < $3 OR $3 IS NULL ORDER BY id
"""
_COUNT = "SELECT count(*) FROM transactions WHERE id >= $1 AND id < $2 AND status = 'posted'"
_IDS = "SELECT id FROM transactions WHERE id > $1 AND id < $2 AND status = 'posted' ORDER BY id LIMIT $3"


class PostgresJournal:
    """Implements tekana.ports.journal.JournalSnapshot, within a transaction."""

    def __init__(
        self, connection: asyncpg.Connection, start: datetime | None, end: datetime | None, now: datetime
    ) -> None:
        self._connection = connection
        self._asked_end = end
        self.start = start
        self.end = now if end is None else end
        # A transaction's id begins with the time of posting, so that a period is a range of ids.
        self._first: UUID = _LOWEST if start is None else first_transaction_id(start)
        self._before: UUID = _HIGHEST if end is None else first_transaction_id(end)

    async def wallets(self) -> AsyncIterator[JournalWallet]:
        values = self._first, self._before, self._asked_end
        async for row in self._connection.cursor(_WALLETS, *values, prefetch=_PER_READ, timeout=None):
            yield JournalWallet(*row)

    async def count_transactions(self) -> int:
        count: int = await self._connection.fetchval(_COUNT, self._first, self._before, timeout=None)
        return count

    async def transactions(self) -> AsyncIterator[Transaction]:
        last = UUID(int=max(self._first.int - 1, 0))
        while ids := [row["id"] for row in await self._connection.fetch(_IDS, last, self._before, _PER_READ)]:
            found = await read_transactions(self._connection, ids)
            for one in ids:
                yield found[one]
            last = ids[-1]


@asynccontextmanager
async def read_journal(
    url: str, clock: Clock | None, start: datetime | None, end: datetime | None
) -> AsyncIterator[PostgresJournal]:
    """Open a snapshot on a connection of its own, and yield the journal of a period."""
    pool = ConnectionPool(url, size=1)
    try:
        async with (
            raw_connection(pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_SETTINGS)
            now = clock() if clock else await connection.fetchval("SELECT clock_timestamp()")
            yield PostgresJournal(connection, start, end, now)
    finally:
        await pool.close()
