"""Reversals: how much of a transaction was reversed, and which holds are for its payer."""

from __future__ import annotations

from uuid import UUID

from msgspec import json

from tekana import TransactionId
from tekana.domain.reversals import Original

from .database import Database
from .transactions import transaction_of

_ORIGINALS = (
    "SELECT body, coalesce(amount, 0), coalesce(hold_ids, '[]') FROM transactions LEFT JOIN reversals USING (id)"
)

_SAVE = """
INSERT INTO reversals VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, hold_ids = excluded.hold_ids
"""


def find_original(database: Database, transaction_id: TransactionId) -> Original | None:
    """Return a transaction that is to be reversed; None if there is none."""
    found = database.rows(f"{_ORIGINALS} WHERE id = ?", transaction_id)
    return next((_original_of(*row) for row in found), None)


def all_originals(database: Database) -> list[Original]:
    """Return the transactions that were reversed."""
    return [_original_of(*row) for row in database.rows(f"{_ORIGINALS} WHERE amount IS NOT NULL")]


def save_original(database: Database, original: Original) -> None:
    """Save how much of a transaction was reversed, and which holds are for its payer."""
    database.rows(_SAVE, original.id, original.reversed_minor, json.encode(original.hold_ids).decode())


def _original_of(body: str, amount: int, hold_ids: str) -> Original:
    holds = tuple(TransactionId(one) for one in json.decode(hold_ids, type=tuple[UUID, ...]))
    return Original(transaction=transaction_of(body), reversed_minor=amount, hold_ids=holds)
