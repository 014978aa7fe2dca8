"""The table of API keys."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from tekana_postgres.tables.columns import MAY_UPDATE, metadata, moment

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("subject", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("previous_secret_hash", Text),
    moment("previous_until", nullable=True),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    # Recorded apart from commands.
    moment("last_used_at", nullable=True),
    CheckConstraint("kind IN ('operator', 'partner')", name="kind"),
    CheckConstraint("(previous_secret_hash IS NULL) = (previous_until IS NULL)", name="previous_secret"),
    Index(None, "tenant", "id"),
    info={"rights": MAY_UPDATE},
)
