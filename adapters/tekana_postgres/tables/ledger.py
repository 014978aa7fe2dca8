"""The tables of customers, wallets, transactions and idempotency keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import CHAR, JSON

from tekana_postgres.tables.columns import (
    ALL_COLUMNS,
    MAY_INSERT,
    MAY_UPDATE,
    event_count,
    metadata,
    moment,
    reference,
    tenant,
)

customers = Table(
    "customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("country", CHAR(2)),
    Column("status", Text, nullable=False),
    Column("tier", Text),
    event_count("version", "customer"),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    tenant(),
    moment("erased_at", nullable=True),
    Column("limit_overrides", JSON),
    CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
    CheckConstraint("version >= 1", name="version"),
    info={
        "rights": MAY_UPDATE,
        "audited": ("id", "status", "tier", "tenant", "version", "erased_at", "limit_overrides"),
    },
)

Index(None, customers.c.status, customers.c.id)
Index(None, customers.c.tenant, customers.c.id)
Index(None, customers.c.tenant, customers.c.status, customers.c.id)

wallets = Table(
    "wallets",
    metadata,
    Column("id", Uuid, primary_key=True),
    reference("customer_id", "customers.id", nullable=True),
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
    event_count("sequence", "wallet"),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    tenant(),
    Column("tier", Text),
    Column("limit_override", JSON),
    Column("usage", Text),  # a Usage, as an array in JSON: less to encode than one of PostgreSQL
    reference("usage_wallet_id", "wallets.id", nullable=True),
    Column("kind", Text, nullable=False, server_default="personal"),
    CheckConstraint("house IS NOT NULL OR ledger_balance - held >= 0", name="available_balance"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("version >= 0 AND sequence >= version", name="version"),
    CheckConstraint("(house IS NULL) = (customer_id IS NOT NULL)", name="owner"),
    CheckConstraint("house IN ('settlement', 'fees', 'exchange', 'suspense', 'taxes')", name="house"),
    CheckConstraint("kind IN ('personal', 'merchant')", name="kind"),
    CheckConstraint("status IN ('active', 'frozen', 'closed')", name="status"),
    CheckConstraint("freeze_scope IN ('debits', 'all')", name="freeze_scope"),
    CheckConstraint("(status = 'frozen') = (freeze_scope IS NOT NULL)", name="frozen"),
    CheckConstraint("status <> 'closed' OR (ledger_balance = 0 AND held = 0)", name="closed"),
    Index(None, "customer_id", "id"),
    Index(None, "currency", "id"),
    Index(None, "tenant", "id", postgresql_where=text("tenant <> 'main'")),
    Index(None, "status", "id", postgresql_where=text("status <> 'active'")),
    # Balances change all the time: room on the page keeps the new row version there, and indexes untouched (HOT).
    postgresql_with={"fillfactor": 70},
    info={"rights": MAY_UPDATE, "audited": ALL_COLUMNS},
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    reference("from_wallet_id", "wallets.id"),
    reference("to_wallet_id", "wallets.id"),
    Column("description", Text),
    Column("reference", Text),
    Column("metadata", JSON),
    Column("rejection", JSON),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("posted_at", nullable=True),
    moment("effective_at", nullable=True),
    tenant(),
    Column("request_id", Text),
    Column("details", JSON),
    Column("relation", Text),
    reference("relates_to", "transactions.id", nullable=True),
    CheckConstraint("type ~ '^[a-z][a-z_]{0,31}$'", name="type"),
    CheckConstraint("(relation IS NULL) = (relates_to IS NULL)", name="relation"),
    CheckConstraint("status IN ('posted', 'pending', 'rejected')", name="status"),
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
    Index(None, "tenant", "id", postgresql_where=text("tenant <> 'main'")),
    Index(None, "type", "id", postgresql_where=text("type <> 'transfer'")),
    Index(None, "relates_to", postgresql_where=text("relates_to IS NOT NULL")),
    info={"rights": MAY_INSERT, "audited": ALL_COLUMNS},
)

# The order of columns leaves no padding between them.
entries = Table(
    "entries",
    metadata,
    reference("wallet_id", "wallets.id", primary_key=True),
    reference("transaction_id", "transactions.id"),
    Column("version", BigInteger, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("ledger_balance_after", BigInteger, nullable=False),
    moment("posted_at"),
    Column("currency", CHAR(3), nullable=False),
    Column("leg", SmallInteger),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint("version >= 1 AND sequence >= version", name="version"),
    CheckConstraint("leg >= 0", name="leg"),
    Index(None, "transaction_id"),
    info={"rights": MAY_INSERT, "audited": ALL_COLUMNS},
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_digest", Uuid, primary_key=True),
    Column("fingerprint", BigInteger, nullable=False),
    reference("transaction_id", "transactions.id", nullable=True),
    Column("answer", JSON),
    CheckConstraint("(transaction_id IS NULL) = (answer IS NOT NULL)", name="answer"),
    info={"rights": MAY_INSERT, "audited": ("key_digest", "transaction_id")},
)

# Answers that hold a customer's data, apart from the keys, which are kept for ever: these can be erased. They are
# encrypted with the customer's key, without which they cannot be read.
customer_answers = Table(
    "customer_answers",
    metadata,
    Column("key_digest", Uuid, primary_key=True, info={"references": "idempotency_keys.key_digest"}),
    reference("customer_id", "customers.id"),
    Column("encrypted", Text, nullable=False),
    Index(None, "customer_id"),
    info={"rights": MAY_INSERT},
)
