"""The table of approvals."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, Uuid

from tekana_postgres.tables.columns import MAY_UPDATE, event_count, metadata, moment

approvals = Table(
    "approvals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("asker", Text, nullable=False),  # the caller who asked, as JSON
    Column("command", Text, nullable=False),
    Column("data", Text, nullable=False),  # the command, as JSON
    Column("request_id", Text),
    moment("asked_at"),
    moment("expires_at"),
    Column("status", Text, nullable=False),
    Column("decided_by", Text),
    moment("decided_at", nullable=True),
    Column("reason", Text),
    Column("rejection_code", Text),
    Column("resource", Text),
    Column("resource_id", Uuid),
    event_count("sequence", "approval"),
    CheckConstraint("status IN ('pending', 'approved', 'rejected', 'failed')", name="status"),
    CheckConstraint("(status = 'pending') = (decided_by IS NULL)", name="decided_by"),
    CheckConstraint("(status = 'pending') = (decided_at IS NULL)", name="decided_at"),
    CheckConstraint("(status = 'rejected') = (reason IS NOT NULL)", name="reason"),
    CheckConstraint("(status = 'failed') = (rejection_code IS NOT NULL)", name="rejection_code"),
    Index(None, "status", "id"),
    info={"rights": MAY_UPDATE, "audited": ("id", "sequence", "status", "asker")},
)
