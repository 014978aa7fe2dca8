"""What a unit of work adds to the tables that only grow: keys, transactions, entries and the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Table

from tekana.domain.book import Book, CustomerWithWallets
from tekana.domain.events import Event
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.unit_of_work import IdempotencyRecord
from tekana_postgres import tables
from tekana_postgres.rows import answer_json, reference_json, rejection_json, write_json

Rows = Sequence[tuple[Any, ...]]

COLUMNS: Final[Mapping[Table, tuple[str, ...]]] = {
    tables.idempotency_keys: ("key_digest", "fingerprint", "transaction_id", "answer"),
    tables.transactions: (
        *("id", "type", "status", "amount", "currency", "from_wallet_id", "to_wallet_id", "description", "reference"),
        *("metadata", "rejection", "created_by", "created_at", "posted_at", "effective_at", "tenant", "request_id"),
        *("details", "relation", "relates_to"),
    ),
    tables.entries: (
        *("wallet_id", "version", "sequence", "transaction_id", "amount", "currency", "ledger_balance_after"),
        *("posted_at", "leg"),
    ),
    tables.outbox: ("transaction_id", "event_type", "event"),
    tables.customer_answers: ("key_digest", "customer_id", "answer"),
}
"""The columns that are written of each table."""

HISTORY_TABLES: Final = (tables.idempotency_keys, tables.transactions, tables.entries, tables.outbox)
"""The tables of a History, in its order."""


class History(NamedTuple):
    """Rows for each table, with their values in the order of COLUMNS."""

    keys: Rows
    transactions: Rows
    entries: Rows
    outbox: Rows


def history_of(book: Book, records: Iterable[tuple[UUID, IdempotencyRecord]]) -> History:
    """Return what was decided on the Book, and the records of keys, by their digests."""
    transactions = book.transactions
    keys = [_key_row(digest, record) for digest, record in records]
    keys.sort(key=_digest)  # everywhere the same order, so that two units never deadlock
    return History(
        keys,
        [_transaction_row(one) for one in transactions],
        _entry_rows(transactions),
        [_outbox_row(one) for one in book.outbox],
    )


def customer_answers_of(records: Iterable[tuple[UUID, IdempotencyRecord]]) -> Rows:
    """Return the answers that hold a customer's data, in the order of COLUMNS."""
    rows = [
        (digest, _customer_id(record.answer), answer_json(record.answer))
        for digest, record in records
        if isinstance(record.answer, Wallet | CustomerWithWallets)
    ]
    return sorted(rows, key=_digest)


def _digest(row: tuple[Any, ...]) -> Any:
    return row[0]


def _key_row(digest: UUID, record: IdempotencyRecord) -> tuple[Any, ...]:
    answer = record.answer
    if isinstance(answer, Transaction):
        return digest, record.fingerprint, answer.id, None
    if isinstance(answer, Wallet | CustomerWithWallets):
        return digest, record.fingerprint, None, reference_json(_customer_id(answer))
    return digest, record.fingerprint, None, answer_json(answer)


def _customer_id(answer: Any) -> Any:
    return answer.customer_id if isinstance(answer, Wallet) else answer.customer.id


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


def _entry_rows(transactions: Sequence[Transaction]) -> Rows:
    return [
        (
            *(e.wallet_id, e.version, e.sequence, one.id, e.amount_minor, e.currency, e.ledger_balance_after),
            one.posted_at,
            leg,
        )
        for one in transactions
        for leg, e in enumerate(one.entries)
    ]


def _outbox_row(one: Transaction | Event) -> tuple[Any, ...]:
    return (one.id, None, None) if isinstance(one, Transaction) else (None, one.NAME, write_json(one))
