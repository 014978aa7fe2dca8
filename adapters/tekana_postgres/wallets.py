"""Reading wallets and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Uuid, bindparam

from tekana.domain.caller import MAIN_TENANT, Caller
from tekana.domain.errors import WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.money import Money
from tekana.domain.policy import Access, access_of
from tekana.domain.transaction import PostedEntry
from tekana.domain.wallet import Wallet
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.wallets import BalanceAt, StatementSummary, WalletFilter
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import LARGEST_BIGINT, id_cursor, literal_value, number_cursor, page_of
from tekana_postgres.rows import entry_of, wallet_of
from tekana_postgres.scans import Candidates, Condition, metadata_conditions, scan
from tekana_postgres.wallet_loader import WalletLoader

_ACCESSIBLE = """
SELECT FROM wallets
WHERE id = $1 AND ($2::text IS NULL OR house IS NULL AND tenant = $2) AND ($3::uuid IS NULL OR customer_id = $3)
"""
_ENTRIES = """
SELECT e.*, t.type, t.description, t.reference
FROM entries e JOIN transactions t ON t.id = e.transaction_id
WHERE e.wallet_id = $1 AND e.version > $2 AND e.version <= $3 ORDER BY e.version {order} LIMIT $4
"""
_OLDEST_FIRST, _NEWEST_FIRST = _ENTRIES.format(order="ASC"), _ENTRIES.format(order="DESC")
_BALANCE_NOW = """
SELECT currency, version, ledger_balance, clock_timestamp() AS at FROM wallets WHERE id = $1
"""
# A wallet's entries are posted at moments that never run backwards, so the last one posted by then is found by halving:
# entry `low` was posted by then (0 stands for none), entry `high` was not. LIMIT keeps each look at one entry: a plain
# join may be planned as reading all of them each time.
_SEARCH = """
WITH RECURSIVE search (low, high) AS (
    SELECT 0::bigint, version + 1 FROM wallets WHERE id = $1
    UNION ALL
    SELECT CASE WHEN e.posted_at {comparison} $2 THEN e.version ELSE low END,
           CASE WHEN e.posted_at {comparison} $2 THEN high ELSE e.version END
    FROM search, LATERAL (
        SELECT version, posted_at FROM entries WHERE wallet_id = $1 AND version = (low + high) / 2 LIMIT 1
    ) e
    WHERE high - low > 1
)
"""
_VERSION_BEFORE = f"{_SEARCH.format(comparison='<')} SELECT low FROM search WHERE high - low = 1"
_BALANCE_AT = f"""
{_SEARCH.format(comparison="<=")}
SELECT w.currency, s.low AS version, coalesce(e.ledger_balance_after, 0) AS ledger_balance
FROM search s JOIN wallets w ON w.id = $1 LEFT JOIN LATERAL (
    SELECT ledger_balance_after FROM entries WHERE wallet_id = $1 AND version = s.low LIMIT 1
) e ON true
WHERE s.high - s.low = 1
"""

_STATEMENT_WALLET = (
    "SELECT customer_id, currency, version, created_at, clock_timestamp() AS now FROM wallets WHERE id = $1"
)
# The balances are those of the entries, and the totals are sums, so that one can be checked with the other.
_STATEMENT = """
SELECT coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint AS total_credits,
       coalesce(sum(-amount) FILTER (WHERE amount < 0), 0)::bigint AS total_debits,
       count(*) FILTER (WHERE amount > 0) AS credit_count, count(*) FILTER (WHERE amount < 0) AS debit_count,
       coalesce((SELECT ledger_balance_after FROM entries WHERE wallet_id = $1 AND version = $2), 0) AS opening_balance,
       coalesce((SELECT ledger_balance_after FROM entries WHERE wallet_id = $1 AND version = $3), 0) AS closing_balance
FROM entries WHERE wallet_id = $1 AND version > $2 AND version <= $3
"""


class PostgresWallets:
    """Implements tekana.ports.wallets.Wallets."""

    def __init__(self, pool: ConnectionPool, loader: WalletLoader, clock: Clock | None, caller: Caller) -> None:
        self._pool = pool
        self._loader = loader
        self._clock = clock
        self._caller = caller
        self._access = access_of(caller)

    async def get(self, wallet_id: WalletId) -> Wallet:
        return await self._loader.get(wallet_id, self._caller)

    async def list(self, which: WalletFilter, page: PageRequest, newest_first: bool = False) -> Page[Wallet]:
        candidates, filters = _candidates(which, self._access, id_cursor(page), newest_first=newest_first)
        async with raw_connection(self._pool) as connection:
            scanned = await scan(connection, candidates, filters, page.limit, "t.*")
        return scanned.page_of([wallet_of(row) for row in scanned.rows], page, lambda wallet: str(wallet.id))

    async def entries(
        self,
        wallet_id: WalletId,
        page: PageRequest,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Page[PostedEntry]:
        version = None if page.cursor is None else number_cursor(page.cursor)
        low, high = 0, LARGEST_BIGINT
        async with raw_connection(self._pool) as connection:
            await self._require_access(connection, wallet_id)
            if start is not None:
                low = await connection.fetchval(_VERSION_BEFORE, wallet_id, start)
            if end is not None:
                high = await connection.fetchval(_VERSION_BEFORE, wallet_id, end)
            if version is not None:
                low, high = (low, min(high, version - 1)) if newest_first else (max(low, version), high)
            statement = _NEWEST_FIRST if newest_first else _OLDEST_FIRST
            rows = await connection.fetch(statement, wallet_id, low, high, page.limit + 1)
        found = [
            PostedEntry(
                entry_of(row),
                row["transaction_id"],
                row["type"],
                row["description"],
                row["reference"],
                row["posted_at"],
            )
            for row in rows
        ]
        return page_of(found, page, lambda line: str(line.entry.version))

    async def _require_access(self, connection: asyncpg.Connection, wallet_id: WalletId) -> None:
        await _one(connection, _ACCESSIBLE, wallet_id, *self._access)

    async def balance_at(self, wallet_id: WalletId, at: datetime | None) -> BalanceAt:
        async with raw_connection(self._pool) as connection:
            if self._access.tenant is not None:
                await self._require_access(connection, wallet_id)
            if at is None:
                row = await _one(connection, _BALANCE_NOW, wallet_id)
                moment = self._clock() if self._clock else row["at"]
            else:
                row, moment = await _one(connection, _BALANCE_AT, wallet_id, at), at
        return BalanceAt(wallet_id, moment, Money(row["ledger_balance"], row["currency"]), row["version"])

    async def statement(
        self, wallet_id: WalletId, start: datetime | None = None, end: datetime | None = None
    ) -> StatementSummary:
        async with (
            raw_connection(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await self._require_access(connection, wallet_id)
            wallet = await _one(connection, _STATEMENT_WALLET, wallet_id)
            low, high = 0, wallet["version"]
            if start is not None:
                low = await connection.fetchval(_VERSION_BEFORE, wallet_id, start)
            if end is not None:
                high = max(low, await connection.fetchval(_VERSION_BEFORE, wallet_id, end))
            found = await _one(connection, _STATEMENT, wallet_id, low, high)
        now = self._clock() if self._clock else wallet["now"]
        return StatementSummary(
            wallet_id=wallet_id,
            customer_id=wallet["customer_id"],
            currency=wallet["currency"],
            start=wallet["created_at"] if start is None else start,
            end=now if end is None else end,
            created_at=now,
            opening_version=low,
            closing_version=high,
            **found,
        )


def _candidates(
    which: WalletFilter, access: Access, cursor: UUID | None, *, newest_first: bool
) -> tuple[Candidates, list[Condition]]:
    """Build the statement that finds the ids of a list from the cursor on, by the conditions that indexes serve.

    Returns:
        The statement, and the other conditions. One index serves the wallets of a tenant, in order of ids; those of the
        tenant `main` are most of all wallets.
    """
    served: list[Condition] = []
    others = [*metadata_conditions(which.metadata)]
    if which.customer_id is not None:
        served.append(Condition("t.customer_id = :customer_id", (bindparam("customer_id", which.customer_id, Uuid),)))
    if access.customer_id is not None:
        served.append(Condition("t.customer_id = :own_id", (bindparam("own_id", access.customer_id, Uuid),)))
    if access.tenant is not None:
        tenant = Condition("t.house IS NULL AND t.tenant = :tenant", (literal_value(access.tenant, "tenant"),))
        (others if access.tenant == MAIN_TENANT else served).append(tenant)
    by_tenant = access.tenant not in (None, MAIN_TENANT)
    for name, value in (("currency", which.currency), ("status", which.status)):
        if value is not None:
            (others if by_tenant else served).append(Condition(f"t.{name} = :{name}", (literal_value(value, name),)))
    if cursor is not None:
        comparison = "<" if newest_first else ">"
        served.append(Condition(f"t.id {comparison} :cursor", (bindparam("cursor", cursor, Uuid),)))
    conditions = " AND ".join(one.sql for one in served) or "true"
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT id FROM wallets t WHERE {conditions} ORDER BY id {order} LIMIT :count"
    return Candidates("wallets", sql, [value for one in served for value in one.values], newest_first), others


async def _one(connection: asyncpg.Connection, query: str, wallet_id: WalletId, *more: Any) -> asyncpg.Record:
    row = await connection.fetchrow(query, wallet_id, *more)
    if row is None:
        raise WalletNotFound(f"no wallet has the id {wallet_id}")
    return row
