"""The tables of the outbox, and of the relays that publish it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Numeric,
    Sequence,
    Table,
    Text,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from tekana_postgres.tables.columns import (
    ALL_COLUMNS,
    MAY_DELETE,
    MAY_INSERT,
    MAY_SELECT,
    MAY_UPDATE,
    metadata,
    moment,
    reference,
)

_positions = Sequence("outbox_position_seq", metadata=metadata)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, server_default=_positions.next_value(), primary_key=True),
    reference("transaction_id", "transactions.id", nullable=True),
    Column("event_type", Text),
    Column("event", JSON),
    CheckConstraint("(transaction_id IS NULL) = (event IS NOT NULL)", name="event"),
    CheckConstraint("(event_type IS NULL) = (event IS NULL)", name="event_type"),
    postgresql_partition_by="RANGE (position)",
    info={"rights": MAY_INSERT, "audited": ALL_COLUMNS},
)

# The parts that the outbox is divided into, and what is known of those that were dropped.
outbox_parts = Table(
    "outbox_parts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    moment("dropped_at", nullable=True),
    Column("last_position", BigInteger),
    Column("last_transaction_id", Uuid),
    Column("transactions", BigInteger),
    Column("digest", Numeric),
    CheckConstraint("begins < ends", name="range"),
    CheckConstraint(
        "(dropped_at IS NULL) = (transactions IS NULL) AND (dropped_at IS NULL) = (digest IS NULL)", name="dropped"
    ),
    info={"rights": MAY_SELECT, "audited": ALL_COLUMNS},
)

relays = Table(
    "relays",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    moment("expires_at", nullable=True),
    Column("cursor", Text),
    CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="lease"),
    info={"rights": MAY_UPDATE},
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    moment("expires_at", nullable=True),
    CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="lease"),
    info={"rights": MAY_UPDATE},
)

# Each is a copy of an event in the outbox: it stays until it is published, also where the outbox's part is dropped.
parked_events = Table(
    "parked_events",
    metadata,
    Column("relay", Text, primary_key=True, info={"references": "relays.name"}),
    Column("position", BigInteger, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("aggregate_id", Uuid, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("event", JSON, nullable=False),
    Column("reason", Text),
    Column("asked", Boolean, nullable=False, server_default=false()),
    moment("parked_at"),
    Index(None, "relay", "aggregate_id"),
    info={"rights": MAY_DELETE},
)
