"""What is stored under idempotency keys, and the reader of outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.answers import BatchRecord
from tekana.domain.caller import Caller
from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Transaction
from tekana.ports.outcomes import CommandOutcome, outcome_of
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord, batch_keys
from tekana_postgres.aggregates.transaction import read_transactions
from tekana_postgres.answer_references import resolve_references
from tekana_postgres.arrays import text_array
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.customer_data import answer_place
from tekana_postgres.rows import key_digest, record_of

_RECORDS = """
SELECT k.key_digest, k.fingerprint, k.transaction_id, k.answer, a.encrypted, a.customer_id, d.key
FROM idempotency_keys k LEFT JOIN customer_answers a ON a.key_digest = k.key_digest AND k.answer IS NOT NULL
    LEFT JOIN customer_details d ON d.id = a.customer_id
WHERE k.key_digest = ANY((SELECT $1::text::uuid[])::uuid[])
"""
_TRANSACTION_IDS = """
SELECT transaction_id FROM idempotency_keys WHERE key_digest = ANY($1::text::uuid[]) AND transaction_id IS NOT NULL
"""


async def find_records(
    connection: asyncpg.Connection, vault: CustomerVault, digests: Mapping[IdempotencyKey, str]
) -> Mapping[IdempotencyKey, IdempotencyRecord]:
    """Return the records of those of the keys that were used, given each with its digest."""
    rows = await connection.fetch(_RECORDS, text_array(digests.values()))
    if not rows:
        return {}
    by_digest = {digest: key for key, digest in digests.items()}
    ids = [row["transaction_id"] for row in rows if row["transaction_id"] is not None]
    transactions = await read_transactions(connection, ids)
    records = {
        by_digest[row["key_digest"].hex]: record_of(
            row["fingerprint"], transactions.get(row["transaction_id"]), await _answer(vault, row)
        )
        for row in rows
    }
    return await resolve_references(connection, records)


async def _answer(vault: CustomerVault, row: asyncpg.Record) -> str | None:
    """Return the answer under a key, decrypted if it holds a customer's data and the customer was not erased."""
    answer: str | None = row["answer"]
    if row["encrypted"] is None or row["key"] is None:
        return answer
    place = answer_place(row["key_digest"].hex)
    return await vault.decrypt_text(row["key"], row["customer_id"], row["encrypted"], place)


async def find_record(
    connection: asyncpg.Connection, vault: CustomerVault, key: IdempotencyKey
) -> IdempotencyRecord | None:
    """Return the record of a key; None if it was not used."""
    return (await find_records(connection, vault, {key: key_digest(key)})).get(key)


async def ids_under_key(
    connection: asyncpg.Connection, vault: CustomerVault, caller: Caller, key: str
) -> Sequence[TransactionId]:
    """Return the ids of the transactions that were decided under a key of the caller's: those of a batch, or one."""
    whole = IdempotencyKey(caller.tenant, caller.subject, key)
    record = await find_record(connection, vault, whole)
    if record is not None and isinstance(record.answer, BatchRecord):
        return await _transaction_ids(connection, batch_keys(whole, record.answer.size))
    return [record.answer.id] if record is not None and isinstance(record.answer, Transaction) else []


class PostgresOutcomes:
    """Implements tekana.ports.outcomes.Outcomes. Not for a replica, which may lag behind."""

    def __init__(self, pool: ConnectionPool, vault: CustomerVault, caller: Caller) -> None:
        self._pool = pool
        self._vault = vault
        self._caller = caller

    async def get(self, key: str) -> CommandOutcome:
        whole = IdempotencyKey(self._caller.tenant, self._caller.subject, key)
        async with raw_connection(self._pool) as connection:
            record = await find_record(connection, self._vault, whole)
        return outcome_of(key, record)


async def _transaction_ids(connection: asyncpg.Connection, keys: Collection[IdempotencyKey]) -> Sequence[TransactionId]:
    rows = await connection.fetch(_TRANSACTION_IDS, text_array([key_digest(key) for key in keys]))
    return [TransactionId(row["transaction_id"]) for row in rows]
