"""The table of holds: what changes of them. The rest is in their transactions."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, text

from tekana_postgres.tables.columns import MAY_UPDATE, event_count, metadata, moment, reference

holds = Table(
    "holds",
    metadata,
    reference("id", "transactions.id", primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("captured", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    moment("expires_at"),
    Column("reason", Text),
    event_count("sequence", "transaction"),
    CheckConstraint("status IN ('pending', 'captured', 'voided', 'expired')", name="status"),
    CheckConstraint("amount > 0 AND captured BETWEEN 0 AND amount", name="captured"),
    CheckConstraint("status <> 'pending' OR captured < amount", name="left"),
    CheckConstraint("status <> 'captured' OR captured > 0", name="ended"),
    CheckConstraint("status = 'voided' OR reason IS NULL", name="reason"),
    CheckConstraint("sequence >= 1", name="sequence"),
    Index(None, "status", "id"),
    Index(None, "expires_at", "id", postgresql_where=text("status = 'pending'")),
    info={
        "rights": MAY_UPDATE,
        "audited": ("id", "amount", "captured", "status", "expires_at", "sequence"),
    },
)
