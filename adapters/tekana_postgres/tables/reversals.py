"""The table of reversals: how much of each transaction was reversed. One row for each
transaction that has reversals, or holds for its payer: with these alone, the amount is zero."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Table

from tekana_postgres.tables.columns import ALL_COLUMNS, MAY_UPDATE, metadata, reference

reversals = Table(
    "reversals",
    metadata,
    reference("id", "transactions.id", primary_key=True),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("amount >= 0", name="amount"),
    info={"rights": MAY_UPDATE, "audited": ALL_COLUMNS},
)
