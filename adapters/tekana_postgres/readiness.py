"""Readiness: a check that transfers can be written now, with a write that is rolled back."""

from __future__ import annotations

import time

from tekana.domain.errors import Unavailable
from tekana_postgres.connections import ConnectionPool, StoreError, describe, raw_connection
from tekana_postgres.tables import metadata

_PROBE_INTERVAL_SECONDS = 5.0

# Fails if a table, a column or the right to read one is missing.
_COLUMNS = "SELECT FROM " + ", ".join(
    f"(SELECT {', '.join(table.columns.keys())} FROM {table.name} LIMIT 0) AS some_{table.name}"
    for table in metadata.sorted_tables
)
# The rows of a transfer, with random ids. They are rolled back.
_WRITE = """
WITH ids AS (
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS payer, gen_random_uuid() AS payee, clock_timestamp() AS at
), kept AS (
    INSERT INTO idempotency_keys (key_digest, fingerprint, transaction_id) SELECT id, 0, id FROM ids
), posted AS (
    INSERT INTO transactions
        (id, type, status, amount, currency, from_wallet_id, to_wallet_id, created_by, created_at, posted_at)
    SELECT id, 'transfer', 'posted', 1, 'XTS', payer, payee, 'readiness', at, at FROM ids
), entered AS (
    INSERT INTO entries
        (wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at)
    SELECT payer, 1, 1, id, -1, 'XTS', -1, at FROM ids
), moved AS (
    UPDATE wallets SET ledger_balance = ledger_balance, version = version, sequence = sequence, updated_at = updated_at
    WHERE id IN (SELECT id FROM ids)
)
INSERT INTO outbox (transaction_id) SELECT id FROM ids
"""


class WriteProbe:
    """Checks whether transfers can be written, at most once every few seconds."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._good_until = 0.0

    async def check(self) -> None:
        """Write the rows of a transfer, and roll back. Do nothing within seconds of a success.

        Raises:
            Unavailable: the write failed; the message gives the reason.
        """
        if time.monotonic() < self._good_until:
            return
        try:
            async with raw_connection(self._pool) as connection:
                transaction = connection.transaction()
                await transaction.start()
                try:
                    await connection.execute(_COLUMNS)
                    await connection.execute(_WRITE)
                finally:
                    await transaction.rollback()
        except StoreError as error:
            raise Unavailable(f"money cannot be written: {describe(error.__cause__ or error)}") from error.__cause__
        self._good_until = time.monotonic() + _PROBE_INTERVAL_SECONDS
