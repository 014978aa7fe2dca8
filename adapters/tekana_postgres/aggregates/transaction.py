"""Transactions and their entries: inserted once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Transaction
from tekana_postgres.rows import entry_of, rejection_json, transaction_of, write_json

_TRANSACTIONS = "SELECT * FROM transactions WHERE id = ANY($1)"
# Before entries had a `leg`, a transaction had two of them: first what left a wallet, then what came in.
_ENTRIES = "SELECT * FROM entries WHERE transaction_id = ANY($1) ORDER BY leg, amount"

_TRANSACTION_COLUMNS = (
    *("id", "type", "status", "amount", "currency", "from_wallet_id", "to_wallet_id", "description", "reference"),
    *("metadata", "rejection", "created_by", "created_at", "posted_at", "effective_at", "tenant", "request_id"),
    *("details", "relation", "relates_to"),
)
_ENTRY_COLUMNS = (
    *("wallet_id", "version", "sequence", "transaction_id", "amount", "currency", "ledger_balance_after", "posted_at"),
    "leg",
)


async def insert_transactions(connection: asyncpg.Connection, transactions: Sequence[Transaction]) -> None:
    """Insert transactions with their entries."""
    if not transactions:
        return
    rows = [_transaction_row(one) for one in transactions]
    await connection.copy_records_to_table("transactions", records=rows, columns=_TRANSACTION_COLUMNS)
    entries = [
        (
            *(e.wallet_id, e.version, e.sequence, one.id, e.amount_minor, e.currency, e.ledger_balance_after),
            one.posted_at,
            leg,
        )
        for one in transactions
        for leg, e in enumerate(one.entries)
    ]
    if entries:
        await connection.copy_records_to_table("entries", records=entries, columns=_ENTRY_COLUMNS)


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


def _transaction_row(transaction: Transaction) -> tuple[Any, ...]:
    request, relation = transaction.request, transaction.request.relates_to
    return (
        transaction.id,
        request.type,
        transaction.status,
        request.amount.minor,
        request.amount.currency,
        request.from_wallet_id,
        request.to_wallet_id,
        request.description,
        request.reference,
        write_json(request.metadata),
        rejection_json(transaction.rejection),
        transaction.created_by,
        transaction.created_at,
        transaction.posted_at,
        request.effective_at,
        transaction.tenant,
        transaction.request_id,
        write_json(request.details),
        None if relation is None else relation.kind,
        None if relation is None else relation.transaction_id,
    )
