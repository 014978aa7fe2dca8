"""The journal as a Parquet file: a row for each entry."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tekana.domain.identifiers import house_role
from tekana.domain.money import format_minor
from tekana.domain.transaction import Transaction
from tekana.ports.journal import JournalSnapshot
from tekana.ports.reports import CUSTOMERS

_ROWS_PER_GROUP: Final = 20_000

# No currency has more than four decimals, and amounts have at most 19 digits in minor units.
_AMOUNT: Final = pa.decimal128(23, 4)
_MOMENT: Final = pa.timestamp("us", tz="UTC")
_SCHEMA: Final = pa.schema(
    [
        pa.field("transaction_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("posted_at", _MOMENT, nullable=False),
        pa.field("effective_at", _MOMENT, nullable=False),
        pa.field("tenant", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("wallet_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("amount", _AMOUNT, nullable=False),
        pa.field("ledger_balance_after", _AMOUNT, nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("description", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("created_by", pa.string(), nullable=False),
    ]
)


async def write_parquet(journal: JournalSnapshot, file: BinaryIO) -> None:
    """Write the journal as Parquet. The amount of a credit is positive, that of a debit negative."""
    with pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        async for one in journal.transactions():
            rows.extend(_rows(one))
            if len(rows) >= _ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))


def _rows(one: Transaction) -> Iterator[dict[str, Any]]:
    for entry in one.entries:
        yield {
            "transaction_id": str(one.id),
            "type": one.request.type,
            "posted_at": one.created_at,
            "effective_at": one.effective_at,
            "tenant": one.tenant,
            "account": house_role(entry.wallet_id) or CUSTOMERS,
            "wallet_id": str(entry.wallet_id),
            "version": entry.version,
            "amount": Decimal(format_minor(entry.amount_minor, entry.currency)),
            "ledger_balance_after": Decimal(format_minor(entry.ledger_balance_after, entry.currency)),
            "currency": entry.currency,
            "description": one.request.description,
            "reference": one.request.reference,
            "created_by": one.created_by,
        }
