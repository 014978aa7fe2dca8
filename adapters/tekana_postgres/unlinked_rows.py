"""Rows of history that no link names: rows of an earlier release that are not sealed, or rows that were inserted."""

from __future__ import annotations

from typing import Final, NamedTuple

import asyncpg

from tekana_postgres.history_links import ANSWER_BYTES, AUDIT_ENTRY_BYTES, ID_BYTES, TRANSACTION_BYTES


def _ids(records: str, size: int, begin: int) -> str:
    return f"""
    SELECT encode(substr({records}, place * {size} + {begin + 1}, {ID_BYTES}), 'hex')::uuid AS id
    FROM history_links, generate_series(0, octet_length({records}) / {size} - 1) AS place
"""


LINKED_TRANSACTIONS: Final = _ids("transactions", TRANSACTION_BYTES, 0)
LINKED_KEYS: Final = f"{_ids('transactions', TRANSACTION_BYTES, ID_BYTES)} UNION ALL {_ids('answers', ANSWER_BYTES, 0)}"
LINKED_EVENTS: Final = "SELECT unnest(event_positions) AS id FROM history_links"
LINKED_AUDIT_ENTRIES: Final = _ids("audit_entries", AUDIT_ENTRY_BYTES, 0)


TIMEOUT_SECONDS: Final = 6 * 3600
"""The timeout of a statement that reads whole tables, of a large ledger."""


class LinkedTable(NamedTuple):
    """A table of history: its name for people, its rows, their column that links name, and all linked.

    The rows are a table or a subquery, to which statements give an alias: PostgreSQL 15 requires one of a subquery.
    """

    name: str
    rows: str
    column: str
    linked: str

    async def count_rows(self, connection: asyncpg.Connection) -> int:
        """Return the number of rows."""
        found: int = await connection.fetchval(f"SELECT count(*) FROM {self.rows} r", timeout=TIMEOUT_SECONDS)
        return found

    async def first_unlinked(self, connection: asyncpg.Connection, limit: int) -> list[str]:
        """Return descriptions of the first rows that no link names."""
        rows = await connection.fetch(
            f"WITH linked AS MATERIALIZED ({self.linked}) "
            f"SELECT DISTINCT {self.column} FROM {self.rows} r "
            f"WHERE NOT EXISTS (SELECT FROM linked WHERE linked.id = r.{self.column}) ORDER BY 1 LIMIT {limit}",
            timeout=TIMEOUT_SECONDS,
        )
        return [f"{self.name} {row[0]}" for row in rows]


TRANSACTIONS: Final = LinkedTable("transaction", "transactions", "id", LINKED_TRANSACTIONS)
ENTRIES: Final = LinkedTable("an entry of transaction", "entries", "transaction_id", LINKED_TRANSACTIONS)
KEYS: Final = LinkedTable("idempotency key", "idempotency_keys", "key_digest", LINKED_KEYS)
EVENTS: Final = LinkedTable(
    "the event at position", "(SELECT position FROM outbox WHERE transaction_id IS NULL)", "position", LINKED_EVENTS
)
AUDIT_ENTRIES: Final = LinkedTable("entry of the audit log", "audit_log", "id", LINKED_AUDIT_ENTRIES)

LINKED_TABLES: Final = (TRANSACTIONS, ENTRIES, KEYS, EVENTS, AUDIT_ENTRIES)
"""All tables, in the order of `tekana_postgres.chain_verifier.Counts`."""
