"""The tables of what customers sign in with."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, Uuid

from tekana_postgres.tables.columns import MAY_DELETE, metadata, moment, reference

credentials = Table(
    "credentials",
    metadata,
    reference("customer_id", "customers.id", primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    moment("changed_at"),
    Column("attempts", Integer, nullable=False),
    moment("attempted_at", nullable=True),
    moment("locked_until", nullable=True),
    info={"rights": MAY_DELETE},
)

refresh_families = Table(
    "refresh_families",
    metadata,
    Column("id", Uuid, primary_key=True),
    reference("customer_id", "customers.id"),
    Column("tenant", Text, nullable=False),
    moment("created_at"),
    moment("rotated_at"),
    Column("digest", LargeBinary, nullable=False),
    Column("previous_digest", LargeBinary),
    Column("sealed_successor", LargeBinary),
    Column("ended", Boolean, nullable=False),
    Index(None, "customer_id"),
    info={"rights": MAY_DELETE},
)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    Column("id", Uuid, primary_key=True),
    reference("customer_id", "customers.id"),
    Column("tenant", Text, nullable=False),
    Column("code_hash", Text, nullable=False),
    moment("created_at"),
    Column("attempts", Integer, nullable=False),
    Index(None, "customer_id"),
    info={"rights": MAY_DELETE},
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("kid", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    info={"rights": MAY_DELETE},
)

identities = Table(
    "identities",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    reference("customer_id", "customers.id"),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    Index("uq_identities_subject", "tenant", "issuer", "subject", unique=True),
    Index(None, "customer_id"),
    info={"rights": MAY_DELETE},
)
