"""The table of data keys."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, Uuid, text

from tekana_postgres.tables.columns import MAY_UPDATE, metadata, moment

data_keys = Table(
    "data_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("wrapped", Text, nullable=False),
    moment("created_at"),
    moment("retired_at", nullable=True),
    Index("uq_data_keys_current", "purpose", unique=True, postgresql_where=text("retired_at IS NULL")),
    info={"rights": MAY_UPDATE},
)
