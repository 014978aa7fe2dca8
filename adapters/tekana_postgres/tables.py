"""The tables, as this version needs them. Migrations lead here; a test holds the two against each other.

Foreign keys on transactions and entries would cost a third of the throughput; what they refer to is noted in `info`,
nothing is ever deleted, and the audit looks for strays. Amounts and balances are in minor units.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Numeric,
    Sequence,
    SmallInteger,
    Table,
    Text,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CHAR, INT8MULTIRANGE, JSON

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _reference(name: str, to: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    return Column(name, Uuid, nullable=nullable, primary_key=primary_key, info={"references": to})


customers = Table(
    "customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone_number", Text, nullable=False),
    Column("country", CHAR(2)),
    Column("external_id", Text),
    Column("metadata", JSON),
    Column("status", Text, nullable=False),
    Column("suspension_reason", Text),
    Column("tier", Text),
    Column("version", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
    CheckConstraint("(status = 'suspended') = (suspension_reason IS NOT NULL)", name="suspension"),
    CheckConstraint("version >= 1", name="version"),
)

# A contact is free again once its customer is closed: closed rows differ by their id, all others by NULL.
_closed = text("(CASE WHEN status = 'closed' THEN id END)")
for _contact in (customers.c.email, customers.c.phone_number, customers.c.external_id):
    Index(
        f"uq_customers_{_contact.name}",
        _contact,
        _closed,
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=_contact.is_not(None) if _contact.nullable else None,
    )
Index(None, customers.c.status, customers.c.id)

wallets = Table(
    "wallets",
    metadata,
    Column("id", Uuid, primary_key=True),
    _reference("customer_id", "customers.id", nullable=True),
    Column("house", Text),
    Column("currency", CHAR(3), nullable=False),
    Column("name", Text),
    Column("metadata", JSON),
    Column("status", Text, nullable=False),
    Column("freeze_scope", Text),
    Column("freeze_reason", Text),
    Column("customer_active", Boolean, nullable=False),
    Column("ledger_balance", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    CheckConstraint("house IS NOT NULL OR ledger_balance - held >= 0", name="available_balance"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("version >= 0 AND sequence >= version", name="version"),
    CheckConstraint("(house IS NULL) = (customer_id IS NOT NULL)", name="owner"),
    CheckConstraint("house IN ('settlement', 'fees', 'exchange', 'suspense')", name="house"),
    CheckConstraint("status IN ('active', 'frozen', 'closed')", name="status"),
    CheckConstraint("freeze_scope IN ('debits', 'all')", name="freeze_scope"),
    CheckConstraint("(status = 'frozen') = (freeze_scope IS NOT NULL)", name="frozen"),
    CheckConstraint("status <> 'closed' OR (ledger_balance = 0 AND held = 0)", name="closed"),
    Index(None, "customer_id", "id"),
    Index(None, "currency", "id"),
    # Balances change all the time: room on the page keeps the new row version there, and indexes untouched (HOT).
    postgresql_with={"fillfactor": 70},
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    _reference("from_wallet_id", "wallets.id"),
    _reference("to_wallet_id", "wallets.id"),
    Column("description", Text),
    Column("reference", Text),
    Column("metadata", JSON),
    Column("rejection", JSON),
    Column("created_by", Text, nullable=False),
    _moment("created_at"),
    _moment("posted_at", nullable=True),
    _moment("effective_at", nullable=True),
    Column("tenant", Text, nullable=False, server_default=text("'main'")),
    Column("request_id", Text),
    Column("details", JSON),
    Column("relation", Text),
    _reference("relates_to", "transactions.id", nullable=True),
    CheckConstraint("type ~ '^[a-z][a-z_]{0,31}$'", name="type"),
    CheckConstraint("(relation IS NULL) = (relates_to IS NULL)", name="relation"),
    CheckConstraint("status IN ('posted', 'rejected')", name="status"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(status = 'posted') = (posted_at IS NOT NULL)", name="posted"),
    CheckConstraint("(status = 'rejected') = (rejection IS NOT NULL)", name="rejected"),
    CheckConstraint("status = 'rejected' OR from_wallet_id <> to_wallet_id", name="wallets"),
    CheckConstraint("isfinite(effective_at)", name="effective_at"),
    Index(None, "reference", "id", postgresql_where=text("reference IS NOT NULL")),
    # Of the rare ones only, so that a posted transfer costs nothing here: wallets find theirs through their entries.
    Index(None, "from_wallet_id", "id", postgresql_where=text("status <> 'posted'")),
    Index(None, "to_wallet_id", "id", postgresql_where=text("status <> 'posted'")),
    Index(None, "status", "id", postgresql_where=text("status <> 'posted'")),
    Index(None, "type", "id", postgresql_where=text("type <> 'transfer'")),
    Index(None, "relates_to", postgresql_where=text("relates_to IS NOT NULL")),
)

# The order of columns leaves no padding between them.
entries = Table(
    "entries",
    metadata,
    _reference("wallet_id", "wallets.id", primary_key=True),
    _reference("transaction_id", "transactions.id"),
    Column("version", BigInteger, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("ledger_balance_after", BigInteger, nullable=False),
    _moment("posted_at"),
    Column("currency", CHAR(3), nullable=False),
    Column("leg", SmallInteger),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint("version >= 1 AND sequence >= version", name="version"),
    CheckConstraint("leg >= 0", name="leg"),
    Index(None, "transaction_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_digest", Uuid, primary_key=True),
    Column("fingerprint", BigInteger, nullable=False),
    _reference("transaction_id", "transactions.id", nullable=True),
    Column("answer", JSON),
    CheckConstraint("(transaction_id IS NULL) = (answer IS NOT NULL)", name="answer"),
)

# Answers that hold a customer's data, apart from the keys, which are kept for ever: these can be erased.
customer_answers = Table(
    "customer_answers",
    metadata,
    Column("key_digest", Uuid, primary_key=True, info={"references": "idempotency_keys.key_digest"}),
    _reference("customer_id", "customers.id"),
    Column("answer", JSON, nullable=False),
    Index(None, "customer_id"),
)

_positions = Sequence("outbox_position_seq", metadata=metadata)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, server_default=_positions.next_value(), primary_key=True),
    _reference("transaction_id", "transactions.id", nullable=True),
    Column("event_type", Text),
    Column("event", JSON),
    CheckConstraint("(transaction_id IS NULL) = (event IS NOT NULL)", name="event"),
    CheckConstraint("(event_type IS NULL) = (event IS NULL)", name="event_type"),
    postgresql_partition_by="RANGE (position)",
)

# The parts that the outbox is divided into, and what is known of those that were dropped.
outbox_parts = Table(
    "outbox_parts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    _moment("dropped_at", nullable=True),
    Column("last_position", BigInteger),
    Column("last_transaction_id", Uuid),
    Column("transactions", BigInteger),
    Column("digest", Numeric),
    CheckConstraint("begins < ends", name="range"),
    CheckConstraint(
        "(dropped_at IS NULL) = (transactions IS NULL) AND (dropped_at IS NULL) = (digest IS NULL)", name="dropped"
    ),
)

relays = Table(
    "relays",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    _moment("expires_at", nullable=True),
    Column("cursor", Text),
    CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="lease"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    _moment("expires_at", nullable=True),
    CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="lease"),
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
    _moment("parked_at"),
    Index(None, "relay", "aggregate_id"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("event_types", ARRAY(Text)),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    _moment("previous_secret_until", nullable=True),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text),
    _moment("failing_since", nullable=True),
    Column("created_by", Text, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    # The positions of the outbox of which nothing is delivered, as they are from before its activation.
    Column("passed", INT8MULTIRANGE, nullable=False, server_default=text("'{}'")),
    CheckConstraint("status IN ('active', 'disabled', 'deleted')", name="status"),
    CheckConstraint("(status = 'disabled') = (disabled_reason IS NOT NULL)", name="disabled"),
    CheckConstraint("(previous_secret IS NULL) = (previous_secret_until IS NULL)", name="previous_secret"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    _reference("endpoint_id", "webhook_endpoints.id"),
    Column("aggregate_id", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("attempts", JSON, nullable=False),
    _moment("created_at"),
    _moment("ended_at", nullable=True),
    CheckConstraint("status IN ('pending', 'delivered', 'failed')", name="status"),
    CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name="ended"),
    Index("uq_webhook_deliveries_line", "endpoint_id", "aggregate_id", "sequence", unique=True),
    Index(None, "endpoint_id", "id"),
    Index(None, "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    # The next of a line, however many of it were delivered before.
    Index(None, "endpoint_id", "aggregate_id", "sequence", postgresql_where=text("status = 'pending'")),
)

# The deliveries of an aggregate to an endpoint, while any is pending: what is due is found without a look at the rest.
webhook_lines = Table(
    "webhook_lines",
    metadata,
    _reference("endpoint_id", "webhook_endpoints.id", primary_key=True),
    Column("aggregate_id", Uuid, primary_key=True),
    _moment("next_attempt_at"),
    Column("claimed", Boolean, nullable=False, server_default=false()),
    Index(None, "endpoint_id", "next_attempt_at"),
)

APPEND_ONLY = (transactions, entries, idempotency_keys, outbox)
"""History: rows are added, never changed nor removed. Triggers and grants see to it."""
