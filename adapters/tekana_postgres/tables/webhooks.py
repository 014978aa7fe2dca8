"""The tables of webhook endpoints and deliveries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, Table, Text, Uuid, false, text
from sqlalchemy.dialects.postgresql import ARRAY, INT8MULTIRANGE, JSON

from tekana_postgres.tables.columns import MAY_DELETE, MAY_UPDATE, metadata, moment, reference

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("event_types", ARRAY(Text)),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    moment("previous_secret_until", nullable=True),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text),
    moment("failing_since", nullable=True),
    Column("created_by", Text, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    # The positions of the outbox of which nothing is delivered, as they are from before its activation.
    Column("passed", INT8MULTIRANGE, nullable=False, server_default=text("'{}'")),
    Column("tenant", Text),  # whose events are delivered; NULL: those of all tenants
    CheckConstraint("status IN ('active', 'disabled', 'deleted')", name="status"),
    CheckConstraint("(status = 'disabled') = (disabled_reason IS NOT NULL)", name="disabled"),
    CheckConstraint("(previous_secret IS NULL) = (previous_secret_until IS NULL)", name="previous_secret"),
    info={"rights": MAY_UPDATE},
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    reference("endpoint_id", "webhook_endpoints.id"),
    Column("aggregate_id", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("attempts", JSON, nullable=False),
    moment("created_at"),
    moment("ended_at", nullable=True),
    CheckConstraint("status IN ('pending', 'delivered', 'failed')", name="status"),
    CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name="ended"),
    Index("uq_webhook_deliveries_line", "endpoint_id", "aggregate_id", "sequence", unique=True),
    Index(None, "endpoint_id", "id"),
    Index(None, "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    # The next of a line, however many of it were delivered before.
    Index(None, "endpoint_id", "aggregate_id", "sequence", postgresql_where=text("status = 'pending'")),
    info={"rights": MAY_DELETE},
)

# The deliveries of an aggregate to an endpoint, while any is pending: what is due is found without a look at the rest.
webhook_lines = Table(
    "webhook_lines",
    metadata,
    reference("endpoint_id", "webhook_endpoints.id", primary_key=True),
    Column("aggregate_id", Uuid, primary_key=True),
    moment("next_attempt_at"),
    Column("claimed", Boolean, nullable=False, server_default=false()),
    Index(None, "endpoint_id", "next_attempt_at"),
    info={"rights": MAY_DELETE},
)
