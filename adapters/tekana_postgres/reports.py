"""Reports on the whole ledger, each in one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tekana.domain.caller import Caller
from tekana.domain.identifiers import first_transaction_id
from tekana.domain.policy import require_scope
from tekana.ports.clock import Clock
from tekana.ports.reports import CUSTOMERS, AccountBalance, TrialBalance, in_order
from tekana_postgres.connections import ConnectionPool, raw_connection

_TIMEOUT_SECONDS: Final = 120  # of a report on a large ledger

_NOW = """
SELECT coalesce(house, $1) AS account, currency, count(*) AS wallet_count, sum(ledger_balance) AS balance
FROM wallets GROUP BY house, currency
"""
# The balances now, less what was posted since. Transactions' ids begin with the time of posting, so only those entries
# are read. A wallet that was opened later has had no entries by then.
_AT = """
WITH since AS (
    SELECT wallet_id, sum(amount) AS amount FROM entries WHERE transaction_id >= $2 GROUP BY wallet_id
)
SELECT coalesce(house, $1) AS account, currency, count(*) AS wallet_count,
       sum(ledger_balance - coalesce(amount, 0)) AS balance
FROM wallets LEFT JOIN since ON wallet_id = id
WHERE created_at <= $3 GROUP BY house, currency
"""


class PostgresReports:
    """Implements tekana.ports.reports.Reports."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None, caller: Caller) -> None:
        self._pool = pool
        self._clock = clock
        self._caller = caller

    async def trial_balance(self, at: datetime | None = None) -> TrialBalance:
        require_scope(self._caller, "tenants:all")
        async with raw_connection(self._pool) as connection, connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = '{_TIMEOUT_SECONDS}s'")
            if at is None:
                rows = await connection.fetch(_NOW, CUSTOMERS, timeout=_TIMEOUT_SECONDS)
                moment = self._clock() if self._clock else await connection.fetchval("SELECT clock_timestamp()")
            else:
                first = first_transaction_id(at + timedelta(microseconds=1))
                rows = await connection.fetch(_AT, CUSTOMERS, first, at, timeout=_TIMEOUT_SECONDS)
                moment = at
        accounts = [
            AccountBalance(row["account"], row["currency"], row["wallet_count"], int(row["balance"])) for row in rows
        ]
        return TrialBalance(moment, in_order(accounts))
