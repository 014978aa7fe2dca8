"""Reading rows of history in the form in which they were written: see `tekana_postgres.history.COLUMNS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
from sqlalchemy import Table, Uuid

from tekana_postgres import tables
from tekana_postgres.arrays import text_array
from tekana_postgres.history import COLUMNS

Row = tuple[Any, ...]


def select_list(table: Table) -> str:
    """Return the columns of a table as they were written: UUIDs in hexadecimal, without hyphens."""
    return ", ".join(
        f"encode(uuid_send({name}), 'hex')" if isinstance(table.c[name].type, Uuid) else name for name in COLUMNS[table]
    )


_IDS: Final = "ANY((SELECT $1::text::uuid[])::uuid[])"
_TRANSACTIONS: Final = f"SELECT {select_list(tables.transactions)} FROM transactions WHERE id = {_IDS}"
# Entries from before the column `leg` are two for each transaction: the debit, then the credit.
_ENTRIES: Final = f"""
SELECT {select_list(tables.entries)} FROM entries WHERE transaction_id = {_IDS}
ORDER BY leg, amount, wallet_id, version
"""
_KEYS: Final = f"SELECT {select_list(tables.idempotency_keys)} FROM idempotency_keys WHERE key_digest = {_IDS}"
_AUDIT_LOG: Final = f"SELECT {select_list(tables.audit_log)} FROM audit_log WHERE id = {_IDS}"
_EVENTS: Final = "SELECT position, event_type, event FROM outbox WHERE position = ANY($1) AND transaction_id IS NULL"


_TIMEOUT_SECONDS: Final = 600  # on a slow disk; a second is usual for some thousand rows


class TransactionRows(NamedTuple):
    """Rows of transactions by id, entries in the order of posting by the transaction's id, and keys by digest."""

    transactions: Mapping[str, Row]
    entries: Mapping[str, Sequence[Row]]
    keys: Mapping[str, Row]


async def read_transaction_rows(
    connection: asyncpg.Connection, ids: Iterable[str], key_digests: Iterable[str]
) -> TransactionRows:
    """Read transactions, their entries, and keys."""
    wanted = text_array(ids)
    transactions = {
        row[0]: tuple(row) for row in await connection.fetch(_TRANSACTIONS, wanted, timeout=_TIMEOUT_SECONDS)
    }
    entries: dict[str, list[Row]] = {}
    for row in await connection.fetch(_ENTRIES, wanted, timeout=_TIMEOUT_SECONDS):
        entries.setdefault(row[3], []).append(tuple(row))
    return TransactionRows(transactions, entries, await read_keys(connection, key_digests))


async def read_keys(connection: asyncpg.Connection, digests: Iterable[str]) -> Mapping[str, Row]:
    """Read keys, by digest."""
    rows = await connection.fetch(_KEYS, text_array(digests), timeout=_TIMEOUT_SECONDS)
    return {row[0]: tuple(row) for row in rows}


async def read_audit_rows(connection: asyncpg.Connection, ids: Iterable[str]) -> Mapping[str, Row]:
    """Read entries of the audit log, by id."""
    rows = await connection.fetch(_AUDIT_LOG, text_array(ids), timeout=_TIMEOUT_SECONDS)
    return {row[0]: tuple(row) for row in rows}


async def read_events(connection: asyncpg.Connection, positions: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    """Read the events at these positions of the outbox: their types and JSON."""
    rows = await connection.fetch(_EVENTS, positions, timeout=_TIMEOUT_SECONDS)
    return {row[0]: (row[1], row[2]) for row in rows}
