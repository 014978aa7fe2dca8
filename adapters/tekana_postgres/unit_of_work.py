"""The unit of work: one transaction of the database, a handful of set-based statements, raw asyncpg."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from tekana.domain.book import Book, CustomerWithWallets
from tekana.domain.events import Event
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockedState, LockSet
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.clock import Clock
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_postgres.aggregates import KINDS
from tekana_postgres.aggregates.transaction import insert_transactions, read_transactions
from tekana_postgres.aggregates.wallet import lock_wallets, save_wallets
from tekana_postgres.connections import translate_errors
from tekana_postgres.rows import answer_json, key_digest, record_of, reference_json, write_json

_RECORDS = """
SELECT k.key_digest, k.fingerprint, k.transaction_id, coalesce(a.answer, k.answer) AS answer
FROM idempotency_keys k LEFT JOIN customer_answers a ON a.key_digest = k.key_digest AND k.answer IS NOT NULL
WHERE k.key_digest = ANY($1)
"""


class PostgresUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork on a connection of its own, inside a transaction."""

    def __init__(self, connection: asyncpg.Connection, transaction: Any, clock: Clock | None) -> None:
        self._connection = connection
        self._transaction = transaction
        self._clock = clock
        self._digests: dict[IdempotencyKey, UUID] = {}
        self._row_ids: dict[WalletId, tuple[int, int]] = {}
        self.saved = False

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return the records of used keys. A key that is just being taken shows in `save`, as a Conflict."""
        self._digests = {key: key_digest(key) for key in keys}
        by_digest = {digest: key for key, digest in self._digests.items()}
        with translate_errors():
            rows = await self._connection.fetch(_RECORDS, list(by_digest))
            ids = [row["transaction_id"] for row in rows if row["transaction_id"] is not None]
            transactions = await read_transactions(self._connection, ids)
        return {
            by_digest[row["key_digest"]]: record_of(
                row["fingerprint"], transactions.get(row["transaction_id"]), row["answer"]
            )
            for row in rows
        }

    async def lock(self, locks: LockSet) -> LockedState:
        """Lock kind by kind, then wallets, in the order of ids; everywhere the same, so no two units deadlock."""
        others: dict[str, dict[Any, Any]] = {}
        wallet_ids = set(locks.wallets)
        with translate_errors():
            if locks.others:
                for name, rows in KINDS.items():
                    ids = [ref.id for ref in locks.others if ref.kind.name == name]
                    if ids:
                        items = others[name] = await rows.lock(self._connection, ids)
                        wallet_ids.update(await rows.wallets_of(self._connection, items))
            wallets, self._row_ids, now = await lock_wallets(self._connection, wallet_ids)
        return LockedState(self._clock() if self._clock else now, wallets, others)

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Write everything in sets, and commit."""
        with translate_errors():
            await self._save_records(records)
            for name, rows in KINDS.items():
                added, changed = book.changes.added.get(name), book.changes.changed.get(name)
                if added or changed:
                    await rows.save(self._connection, added or {}, changed or {})
            await save_wallets(self._connection, book, self._row_ids)
            await insert_transactions(self._connection, book.transactions)
            await self._save_outbox(book.outbox)
            await self._transaction.commit()
        self.saved = True

    async def _save_records(self, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        rows: list[tuple[Any, ...]] = []
        customer_answers: list[tuple[Any, ...]] = []
        for key, record in records.items():
            digest, answer = self._digests.get(key) or key_digest(key), record.answer
            if isinstance(answer, Transaction):
                rows.append((digest, record.fingerprint, answer.id, None))
            elif isinstance(answer, Wallet | CustomerWithWallets):
                customer_id = answer.customer_id if isinstance(answer, Wallet) else answer.customer.id
                rows.append((digest, record.fingerprint, None, reference_json(customer_id)))
                customer_answers.append((digest, customer_id, answer_json(answer)))
            else:
                rows.append((digest, record.fingerprint, None, answer_json(answer)))
        rows.sort(key=lambda row: row[0])  # everywhere the same order, so that two units never deadlock
        await self._copy("idempotency_keys", ("key_digest", "fingerprint", "transaction_id", "answer"), rows)
        await self._copy("customer_answers", ("key_digest", "customer_id", "answer"), customer_answers)

    async def _save_outbox(self, outbox: Sequence[Transaction | Event]) -> None:
        rows = [
            (one.id, None, None) if isinstance(one, Transaction) else (None, one.NAME, write_json(one))
            for one in outbox
        ]
        await self._copy("outbox", ("transaction_id", "event_type", "event"), rows)

    async def _copy(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            await self._connection.copy_records_to_table(table, records=rows, columns=columns)
