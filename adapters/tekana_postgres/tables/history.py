"""The links of history: see `tekana_postgres.history_links`."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, SmallInteger, Table, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from tekana_postgres.tables.columns import MAY_INSERT, metadata, moment

# A record of `transactions` has 48 bytes, one of `answers` or `audit_entries` 32, one of `events` 16. They cannot be
# compressed.
history_links = Table(
    "history_links",
    metadata,
    Column("chain", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    moment("created_at"),
    Column("key_id", Uuid, nullable=False),
    Column("form", SmallInteger, nullable=False),
    Column("transactions", LargeBinary, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("events", LargeBinary, nullable=False),
    Column("event_positions", ARRAY(BigInteger)),
    Column("audit_entries", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    CheckConstraint("number >= 1", name="number"),
    info={"rights": MAY_INSERT},
)
