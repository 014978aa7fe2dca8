"""Transactions with their entries, as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Transaction
from tekana_postgres.rows import entry_of, transaction_of

_TRANSACTIONS = "SELECT * FROM transactions WHERE id = ANY($1)"
# Before entries had a `leg`, a transaction had two of them: first what left a wallet, then what came in.
_ENTRIES = "SELECT * FROM entries WHERE transaction_id = ANY($1) ORDER BY leg, amount"


async def read_transactions(
    connection: asyncpg.Connection, ids: Sequence[TransactionId]
) -> dict[TransactionId, Transaction]:
    """Return the transactions with these ids, with their entries in the order of posting."""
    if not ids:
        return {}
    rows = await connection.fetch(_TRANSACTIONS, ids)
    entries: dict[TransactionId, list[Any]] = {row["id"]: [] for row in rows}
    for entry in await connection.fetch(_ENTRIES, ids):
        entries[entry["transaction_id"]].append(entry_of(entry))
    return {row["id"]: transaction_of(row, tuple(entries[row["id"]])) for row in rows}
