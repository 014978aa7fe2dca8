"""Transactions as they are stored: whole, as JSON."""

from __future__ import annotations

from dataclasses import replace

from msgspec import convert, json

from tekana.domain.transaction import TRANSACTION_TYPES, Transaction


def transaction_of(body: str) -> Transaction:
    """Decode a transaction. The class of its details follows from its type, as the JSON does not name it."""
    transaction = json.decode(body, type=Transaction)
    request = transaction.request
    rules = TRANSACTION_TYPES.get(request.type)
    if request.details is None or rules is None or rules.details is None:
        return transaction
    return replace(transaction, request=replace(request, details=convert(request.details, rules.details)))
