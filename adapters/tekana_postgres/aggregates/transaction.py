"""The rows of transactions and their entries, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Transaction
from tekana_postgres.rows import entry_of, transaction_of

_TRANSACTIONS = "SELECT * FROM transactions WHERE id = ANY($1)"
# Entries from before the column `leg` are two for each transaction: the debit, then the credit.
_ENTRIES = "SELECT * FROM entries WHERE transaction_id = ANY($1) ORDER BY leg, amount"


async def read_transactions(
    connection: asyncpg.Connection, ids: Sequence[TransactionId]
) -> dict[TransactionId, Transaction]:
    """Return the transactions with these ids, with their entries in order of posting."""
    if not ids:
        return {}
    rows = await connection.fetch(_TRANSACTIONS, ids)
    entries: dict[TransactionId, list[Any]] = {row["id"]: [] for row in rows}
    for entry in await connection.fetch(_ENTRIES, ids):
        entries[entry["transaction_id"]].append(entry_of(entry))
    return {row["id"]: transaction_of(row, tuple(entries[row["id"]])) for row in rows}
