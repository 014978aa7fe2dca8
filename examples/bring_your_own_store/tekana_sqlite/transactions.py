"""Transactions as they are kept: whole, as JSON."""

from __future__ import annotations

from dataclasses import replace

from msgspec import convert, json

from tekana.domain.transaction import TRANSACTION_TYPES, Transaction


def transaction_of(body: str) -> Transaction:
    """Read a transaction. Its details, of which the JSON does not name the class, are of the one that its type has."""
    transaction = json.decode(body, type=Transaction)
    request = transaction.request
    rules = TRANSACTION_TYPES.get(request.type)
    if request.details is None or rules is None or rules.details is None:
        return transaction
    return replace(transaction, request=replace(request, details=convert(request.details, rules.details)))
