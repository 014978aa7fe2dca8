"""The table of quotes. Only `used_by` changes, once."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import CHAR, JSON

from tekana_postgres.tables.columns import ALL_COLUMNS, MAY_UPDATE, metadata, moment, reference, tenant

quotes = Table(
    "quotes",
    metadata,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("type", Text, nullable=False),
    reference("from_wallet_id", "wallets.id"),
    reference("to_wallet_id", "wallets.id"),
    Column("amount", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("charge", JSON),
    Column("exchange", JSON),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    reference("used_by", "transactions.id", nullable=True),
    CheckConstraint("amount > 0", name="amount"),
    info={"rights": MAY_UPDATE, "audited": ALL_COLUMNS},
)
