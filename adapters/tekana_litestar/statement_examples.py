"""Examples of statements in other forms than JSON, as the forms themselves write them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tekana import Currency, CustomerId, Entry, PostedEntry, TransactionId, WalletId
from tekana.application.statements import FORMS
from tekana.domain.terms import DEFAULT_TIME_ZONE
from tekana.ports.statement_form import StatementForm, StatementHeading
from tekana.ports.wallets import StatementSummary
from tekana_litestar import fields

_RWF: Final = Currency("RWF")
_WALLET: Final = WalletId(UUID(fields.WALLET_ID))

_HEADING: Final = StatementHeading(
    StatementSummary(
        wallet_id=_WALLET,
        customer_id=CustomerId(UUID(fields.CUSTOMER_ID)),
        currency=_RWF,
        start=datetime.fromisoformat("2026-01-01T00:00:00Z"),
        end=datetime.fromisoformat("2026-02-01T00:00:00Z"),
        created_at=datetime.fromisoformat("2026-02-01T06:00:00Z"),
        opening_balance=10_000,
        closing_balance=8_500,
        total_credits=0,
        total_debits=1_500,
        credit_count=0,
        debit_count=1,
        opening_version=1,
        closing_version=2,
    ),
    "Aline Uwase",
    DEFAULT_TIME_ZONE,
)
_LINE: Final = PostedEntry(
    Entry(_WALLET, 2, 2, -1_500, _RWF, 8_500),
    TransactionId(UUID(fields.TRANSACTION_ID)),
    "transfer",
    "Lunch",
    "order-1001",
    datetime.fromisoformat(fields.POSTED_AT),
)


def _written(form: type[StatementForm]) -> str:
    writer = form(_HEADING)
    return (writer.begin() + writer.write([_LINE]) + writer.end()).decode()


CSV_EXAMPLE: Final = _written(FORMS["csv"])
CAMT_EXAMPLE: Final = _written(FORMS["camt053"])
