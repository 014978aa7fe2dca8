"""The unit of work: one transaction of the database, a handful of set-based statements, raw asyncpg."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tekana.domain.book import Book, LockedState, LockSet
from tekana.domain.customer import Contact, Customer
from tekana.domain.errors import Conflict
from tekana.domain.events import Event
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet, house_wallets
from tekana.ports.clock import Clock
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_postgres.connections import translate_errors
from tekana_postgres.rows import (
    CUSTOMER_COLUMNS,
    WALLET_COLUMNS,
    answer_json,
    claimed_of,
    customer_of,
    customer_row,
    entry_of,
    key_digest,
    transaction_of,
    wallet_from,
    wallet_row,
    write_json,
)

_CLAIMED = "SELECT key_digest, fingerprint, transaction_id, answer FROM idempotency_keys WHERE key_digest = ANY($1)"
_TRANSACTIONS = "SELECT * FROM transactions WHERE id = ANY($1)"
_ENTRIES = "SELECT * FROM entries WHERE transaction_id = ANY($1)"

# The locked rows, each with its place in the table, and then, as all locks are held, a row with nothing but the time by
# the database's clock: one clock for all machines.
_WALLETS = ", ".join(WALLET_COLUMNS)
_LOCK = f"""
SELECT * FROM (
    SELECT {_WALLETS}, ctid AS place, NULL::timestamptz AS now FROM wallets WHERE {{which}}
    ORDER BY id FOR NO KEY UPDATE
) locked
UNION ALL SELECT {"NULL, " * len(WALLET_COLUMNS)}NULL, clock_timestamp()
"""
_LOCK_WALLETS = _LOCK.format(which="id = ANY($1)")
_LOCK_WALLETS_OF = _LOCK.format(which="id = ANY($1) OR customer_id = ANY($2)")
_LOCK_CUSTOMERS = f"""
SELECT {", ".join(CUSTOMER_COLUMNS)} FROM customers WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
"""
_CONTACTS = {
    "email": "SELECT email, id FROM customers WHERE email = ANY($1) AND status <> 'closed'",
    "phone_number": "SELECT phone_number, id FROM customers WHERE phone_number = ANY($1) AND status <> 'closed'",
    "external_id": "SELECT external_id, id FROM customers WHERE external_id = ANY($1) AND status <> 'closed'",
}

# A locked row stays in its place, so it is found there without another way through the index. And as the wallets are
# locked, each aggregate's events stand in order: from here on, rows of the outbox take positions; see
# tekana_postgres.events.
_MOVE_WALLETS_AND_MARK_POSITION = """
WITH moved AS (
    UPDATE wallets w SET ledger_balance = d.ledger_balance, version = d.version, sequence = d.sequence, updated_at = $5
    FROM unnest($1::tid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS d (place, ledger_balance, version, sequence)
    WHERE w.ctid = d.place AND w.version < d.version
    RETURNING 1
)
SELECT count(*) AS moved, tekana_mark_position() FROM moved
"""
_CHANGE_WALLETS = """
UPDATE wallets w SET ledger_balance = d.ledger_balance, version = d.version, sequence = d.sequence,
    updated_at = d.updated_at, status = d.status, freeze_scope = d.freeze_scope, freeze_reason = d.freeze_reason,
    customer_active = d.customer_active
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[],
    $8::text[], $9::boolean[])
    AS d (id, ledger_balance, version, sequence, updated_at, status, freeze_scope, freeze_reason, customer_active)
WHERE w.id = d.id
"""
_CHANGE_CUSTOMERS = """
UPDATE customers SET full_name = $2, email = $3, phone_number = $4, country = $5, external_id = $6, metadata = $7,
    status = $8, suspension_reason = $9, tier = $10, version = $11, created_by = $12, created_at = $13, updated_at = $14
WHERE id = $1
"""
_OPEN_HOUSE_WALLETS = f"""
INSERT INTO wallets ({_WALLETS}) VALUES ({", ".join(f"${i}" for i in range(1, len(WALLET_COLUMNS) + 1))})
ON CONFLICT (id) DO NOTHING
"""

_TRANSACTION_COLUMNS = (
    *("id", "type", "status", "amount", "currency", "from_wallet_id", "to_wallet_id", "description", "reference"),
    *("metadata", "rejection", "created_by", "created_at", "posted_at", "effective_at"),
)
_ENTRY_COLUMNS = (
    *("wallet_id", "version", "sequence", "transaction_id", "amount", "currency", "ledger_balance_after", "posted_at"),
)


class PostgresUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork on a connection of its own, inside a transaction."""

    def __init__(self, connection: asyncpg.Connection, transaction: Any, clock: Clock | None) -> None:
        self._connection = connection
        self._transaction = transaction
        self._clock = clock
        self._digests: dict[IdempotencyKey, UUID] = {}
        self._places: dict[WalletId, tuple[int, int]] = {}
        self.saved = False

    # ------------------------------------------------------------------ claim

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """The keys among these that were used before. One that is just being taken shows in `save`, as a Conflict."""
        self._digests = {key: key_digest(key) for key in keys}
        by_digest = {digest: key for key, digest in self._digests.items()}
        with translate_errors():
            rows = await self._connection.fetch(_CLAIMED, list(by_digest))
            ids = [row["transaction_id"] for row in rows if row["transaction_id"] is not None]
            transactions = await read_transactions(self._connection, ids)
        return {
            by_digest[row["key_digest"]]: claimed_of(
                row["fingerprint"], transactions.get(row["transaction_id"]), row["answer"]
            )
            for row in rows
        }

    # ------------------------------------------------------------------ lock

    async def lock(self, locks: LockSet) -> LockedState:
        """Lock customers, then wallets, in the order of ids; everywhere the same, so no two units wait in a circle."""
        with translate_errors():
            return await self._lock(locks)

    async def _lock(self, locks: LockSet) -> LockedState:
        customers = await self._lock_customers(locks.customers)
        if customers:
            rows = await self._connection.fetch(_LOCK_WALLETS_OF, locks.wallets, list(customers))
        else:
            rows = await self._connection.fetch(_LOCK_WALLETS, locks.wallets)
        now = rows.pop()["now"]
        contacts = await self._find_contacts(locks.contacts)
        self._places = {row["id"]: row["place"] for row in rows}
        wallets = {wallet.id: wallet for wallet in map(wallet_from, rows)}
        return LockedState(self._clock() if self._clock else now, wallets, customers, contacts)

    async def _lock_customers(self, ids: Sequence[CustomerId]) -> dict[CustomerId, Customer]:
        rows = await self._connection.fetch(_LOCK_CUSTOMERS, ids) if ids else ()
        return {row["id"]: customer_of(row) for row in rows}

    async def _find_contacts(self, contacts: Iterable[Contact]) -> dict[Contact, CustomerId]:
        values: dict[Any, list[str]] = {}
        for contact in contacts:
            values.setdefault(contact.field, []).append(contact.value)
        return {
            Contact(field, value): customer_id
            for field, wanted in values.items()
            for value, customer_id in await self._connection.fetch(_CONTACTS[field], wanted)
        }

    # ------------------------------------------------------------------ save

    async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Write everything in sets, and commit."""
        with translate_errors():
            await self._save_keys(claims)
            await self._save_customers(book)
            await self._save_wallets(book)
            await self._save_transactions(book.transactions)
            await self._save_outbox(book.outbox)
            await self._transaction.commit()
        self.saved = True

    async def _save_keys(self, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        rows = [
            (self._digest(key), claimed.fingerprint, claimed.answer.id, None)
            if isinstance(claimed.answer, Transaction)
            else (self._digest(key), claimed.fingerprint, None, answer_json(claimed.answer))
            for key, claimed in claims.items()
        ]
        rows.sort(key=lambda row: row[0])  # everywhere the same order, so that two units never wait in a circle
        await self._copy("idempotency_keys", ("key_digest", "fingerprint", "transaction_id", "answer"), rows)

    def _digest(self, key: IdempotencyKey) -> UUID:
        return self._digests.get(key) or key_digest(key)

    async def _save_customers(self, book: Book) -> None:
        # Changes first: they may free an email that a new customer takes.
        if book.changed_customers:
            await self._connection.executemany(
                _CHANGE_CUSTOMERS, [customer_row(customer) for customer in book.changed_customers.values()]
            )
        registered = sorted(book.registered_customers.values(), key=lambda customer: customer.email)
        await self._copy("customers", CUSTOMER_COLUMNS, [customer_row(customer) for customer in registered])

    async def _save_wallets(self, book: Book) -> None:
        if book.opened_wallets:
            await self._open_house_wallets(book)
            await self._copy("wallets", WALLET_COLUMNS, [wallet_row(one) for one in book.opened_wallets.values()])
        if book.changed_wallets:
            await self._change_wallets(list(book.changed_wallets.values()))
        written = book.changed_wallets.keys() | book.opened_wallets.keys()
        by_moment: dict[datetime, list[Wallet]] = {book.now: []}  # mostly all; later where a clock was put back
        for wallet_id, wallet in book.wallets_with_entries.items():
            if wallet_id not in written:
                by_moment.setdefault(wallet.updated_at, []).append(wallet)
        for moment, moved in by_moment.items():
            await self._move_wallets(moved, moment)

    async def _move_wallets(self, wallets: Sequence[Wallet], moment: datetime) -> None:
        done = await self._connection.fetchval(
            _MOVE_WALLETS_AND_MARK_POSITION,
            [self._places[wallet.id] for wallet in wallets],
            [wallet.ledger_balance for wallet in wallets],
            [wallet.version for wallet in wallets],
            [wallet.sequence for wallet in wallets],
            moment,
        )
        if done != len(wallets):
            raise Conflict("a locked wallet is no longer in its place")

    async def _change_wallets(self, wallets: Sequence[Wallet]) -> None:
        await self._connection.execute(
            _CHANGE_WALLETS,
            [wallet.id for wallet in wallets],
            [wallet.ledger_balance for wallet in wallets],
            [wallet.version for wallet in wallets],
            [wallet.sequence for wallet in wallets],
            [wallet.updated_at for wallet in wallets],
            [wallet.status for wallet in wallets],
            [wallet.freeze_scope for wallet in wallets],
            [wallet.freeze_reason for wallet in wallets],
            [wallet.customer_active for wallet in wallets],
        )

    async def _open_house_wallets(self, book: Book) -> None:
        currencies = sorted({wallet.currency for wallet in book.opened_wallets.values()})
        rows = [
            wallet_row(wallet)
            for currency in currencies
            for wallet in house_wallets(currency, created_by=book.caller, at=book.now)
        ]
        await self._connection.executemany(_OPEN_HOUSE_WALLETS, sorted(rows))  # in id order: two openers never deadlock

    async def _save_transactions(self, transactions: Sequence[Transaction]) -> None:
        await self._copy("transactions", _TRANSACTION_COLUMNS, [_transaction_row(one) for one in transactions])
        await self._copy(
            "entries",
            _ENTRY_COLUMNS,
            [
                (e.wallet_id, e.version, e.sequence, one.id, e.minor, e.currency, e.ledger_balance_after, one.posted_at)
                for one in transactions
                for e in one.entries
            ],
        )

    async def _save_outbox(self, outbox: Sequence[Transaction | Event]) -> None:
        rows = [
            (one.id, None, None) if isinstance(one, Transaction) else (None, type(one).__name__, write_json(one))
            for one in outbox
        ]
        await self._copy("outbox", ("transaction_id", "event_type", "event"), rows)

    async def _copy(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            await self._connection.copy_records_to_table(table, records=rows, columns=columns)


def _transaction_row(transaction: Transaction) -> tuple[Any, ...]:
    movement = transaction.request
    return (
        transaction.id,
        movement.type,
        transaction.status,
        movement.money.minor,
        movement.money.currency,
        movement.from_wallet_id,
        movement.to_wallet_id,
        movement.description,
        movement.reference,
        write_json(movement.metadata),
        write_json(transaction.rejection),
        transaction.created_by,
        transaction.created_at,
        transaction.posted_at,
        movement.effective_at,
    )


async def read_transactions(
    connection: asyncpg.Connection, ids: Sequence[TransactionId]
) -> dict[TransactionId, Transaction]:
    """The transactions with these ids, with their entries: first what left a wallet, then what came in."""
    if not ids:
        return {}
    rows = await connection.fetch(_TRANSACTIONS, ids)
    entries: dict[TransactionId, list[Any]] = {row["id"]: [] for row in rows}
    for entry in await connection.fetch(_ENTRIES, ids):
        entries[entry["transaction_id"]].append(entry_of(entry))
    for mine in entries.values():
        mine.sort(key=lambda entry: entry.minor)
    return {row["id"]: transaction_of(row, tuple(entries[row["id"]])) for row in rows}
