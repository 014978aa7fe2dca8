"""The table of the audit log."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSON

from tekana_postgres.tables.columns import ALL_COLUMNS, MAY_INSERT, metadata, moment

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Uuid, primary_key=True),
    moment("at"),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("resource", Text),
    Column("resource_id", Uuid),
    Column("request_id", Text),
    Column("address", Text),
    Column("before", JSON),
    Column("after", JSON),
    Column("personal_fields", ARRAY(Text), nullable=False),
    Column("occurrences", Integer, nullable=False),
    CheckConstraint("outcome IN ('done', 'refused')", name="outcome"),
    CheckConstraint("(outcome = 'refused') = (code IS NOT NULL)", name="code"),
    CheckConstraint("occurrences >= 1", name="occurrences"),
    Index(None, "tenant", "id"),
    Index(None, "subject", "id"),
    Index(None, "action", "id"),
    Index(None, "outcome", "id"),
    Index(None, "resource_id", "id"),
    info={"rights": MAY_INSERT, "audited": ALL_COLUMNS},
)
