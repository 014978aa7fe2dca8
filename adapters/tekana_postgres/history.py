"""What a unit of work adds to the tables that only grow: keys, answers, transactions, entries, outbox, audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Table

from tekana.domain.answers import ANSWERS
from tekana.domain.audit_log import AuditEntry
from tekana.domain.book import Book
from tekana.domain.events import Event
from tekana.domain.identifiers import CustomerId
from tekana.domain.transaction import Transaction
from tekana.ports.unit_of_work import IdempotencyRecord
from tekana_postgres import tables
from tekana_postgres.arrays import uuid_text
from tekana_postgres.rows import answer_json, details_json, reference_json, rejection_json, write_json

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
    tables.customer_answers: ("key_digest", "customer_id", "encrypted"),
    tables.audit_log: (
        *("id", "at", "tenant", "subject", "kind", "action", "outcome", "code", "resource", "resource_id"),
        *("request_id", "address", "personal_fields", "occurrences", "before", "after"),
    ),
}
"""The columns that are written of each table."""


class History(NamedTuple):
    """Rows for each table, with their values in the order of COLUMNS; UUIDs as text.

    customer_answers: has no rows until they are encrypted.
    """

    keys: Rows
    transactions: Rows
    entries: Rows
    outbox: Rows
    customer_answers: Rows
    audit_log: Rows


NOTHING: Final = History((), (), (), (), (), ())


def history_of(book: Book, records: Sequence[tuple[str, IdempotencyRecord]]) -> History:
    """Return what was decided on the Book, and the records of keys, by their digests."""
    transactions = [(uuid_text(one.id), one) for one in book.transactions]
    ids = {id(one): text for text, one in transactions}
    keys = [_key_row(digest, record, ids) for digest, record in records]
    keys.sort(key=_digest)  # everywhere the same order, so that two units never deadlock
    return History(
        keys,
        [_transaction_row(text, one) for text, one in transactions],
        _entry_rows(transactions),
        [_outbox_row(one, ids) for one in book.outbox],
        (),
        [audit_row(one) for one in book.audit_log],
    )


def audit_row(entry: AuditEntry) -> tuple[Any, ...]:
    """Return the row of an entry of the audit log."""
    return (
        uuid_text(entry.id),
        entry.at,
        entry.tenant,
        entry.subject,
        entry.kind,
        entry.action,
        entry.outcome,
        entry.code,
        entry.resource,
        None if entry.resource_id is None else uuid_text(entry.resource_id),
        entry.request_id,
        entry.address,
        entry.personal_fields,
        entry.occurrences,
        write_json(entry.before),
        write_json(entry.after),
    )


def customer_answers(records: Iterable[tuple[str, IdempotencyRecord]]) -> Sequence[tuple[str, CustomerId, str]]:
    """Return the answers that hold a customer's data, each with the digest of its key and the customer."""
    rows = [
        (digest, customer_id(record.answer), answer_json(record.answer))
        for digest, record in records
        if (customer_id := ANSWERS[type(record.answer)].customer_id) is not None
    ]
    return sorted(rows, key=_digest)


def _digest(row: tuple[Any, ...]) -> Any:
    return row[0]


def _key_row(digest: str, record: IdempotencyRecord, ids: Mapping[int, str]) -> tuple[Any, ...]:
    answer = record.answer
    if isinstance(answer, Transaction):
        return digest, record.fingerprint, ids[id(answer)], None
    customer_id = ANSWERS[type(answer)].customer_id
    if customer_id is not None:
        return digest, record.fingerprint, None, reference_json(customer_id(answer))
    return digest, record.fingerprint, None, answer_json(answer)


def _transaction_row(transaction_id: str, transaction: Transaction) -> tuple[Any, ...]:
    request = transaction.request
    relation = request.relates_to
    return (
        transaction_id,
        request.type,
        transaction.status,
        request.amount.minor,
        request.amount.currency,
        uuid_text(request.from_wallet_id),
        uuid_text(request.to_wallet_id),
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
        details_json(request),
        None if relation is None else relation.kind,
        None if relation is None else uuid_text(relation.transaction_id),
    )


def _entry_rows(transactions: Iterable[tuple[str, Transaction]]) -> Rows:
    rows = []
    for transaction_id, one in transactions:
        posted_at = one.posted_at
        for leg, (wallet_id, version, sequence, amount, currency, balance_after) in enumerate(one.entries):
            wallet = uuid_text(wallet_id)
            rows.append((wallet, version, sequence, transaction_id, amount, currency, balance_after, posted_at, leg))
    return rows


def _outbox_row(one: Transaction | Event, ids: Mapping[int, str]) -> tuple[Any, ...]:
    return (ids[id(one)], None, None) if isinstance(one, Transaction) else (None, one.NAME, write_json(one))
