"""The table of exchange rates: each setting is a row."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import CHAR

from tekana_postgres.tables.columns import ALL_COLUMNS, MAY_INSERT, metadata, moment

rates = Table(
    "rates",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("base", CHAR(3), nullable=False),
    Column("quote", CHAR(3), nullable=False),
    Column("bid", Text, nullable=False),
    Column("ask", Text, nullable=False),
    moment("valid_from"),
    moment("valid_until", nullable=True),
    Column("set_by", Text, nullable=False),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint("base <> quote", name="pair"),
    CheckConstraint("bid::numeric > 0 AND bid::numeric <= ask::numeric", name="prices"),
    info={"rights": MAY_INSERT, "audited": ALL_COLUMNS},
)
