"""The table of fee schedules. Only the end of one changes."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import CHAR, JSON

from tekana_postgres.tables.columns import ALL_COLUMNS, MAY_UPDATE, metadata, moment

fee_schedules = Table(
    "fee_schedules",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("transaction_type", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("tier", Text),
    Column("tenant", Text),
    Column("paid_by", Text, nullable=False),
    Column("bands", JSON, nullable=False),
    Column("minimum", BigInteger),
    Column("maximum", BigInteger),
    Column("tax_ppm", BigInteger, nullable=False),
    Column("shares", JSON, nullable=False),
    moment("valid_from"),
    moment("valid_until", nullable=True),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    CheckConstraint("paid_by IN ('payer', 'payee')", name="paid_by"),
    CheckConstraint("minimum >= 0 AND maximum >= 0 AND minimum <= maximum", name="bounds"),
    CheckConstraint("tax_ppm BETWEEN 0 AND 1000000", name="tax"),
    CheckConstraint("valid_until >= valid_from", name="period"),
    info={"rights": MAY_UPDATE, "audited": ALL_COLUMNS},
)
