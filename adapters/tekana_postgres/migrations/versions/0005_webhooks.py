"""Webhooks: endpoints, the deliveries to them, and the lines in which these wait.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE webhook_endpoints (
        id UUID NOT NULL,
        url TEXT NOT NULL,
        description TEXT,
        event_types TEXT[],
        secret TEXT NOT NULL,
        previous_secret TEXT,
        previous_secret_until TIMESTAMP WITH TIME ZONE,
        status TEXT NOT NULL,
        disabled_reason TEXT,
        failing_since TIMESTAMP WITH TIME ZONE,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id),
        CONSTRAINT ck_webhook_endpoints_status CHECK (status IN ('active', 'disabled', 'deleted')),
        CONSTRAINT ck_webhook_endpoints_disabled CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
        CONSTRAINT ck_webhook_endpoints_previous_secret
            CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
    )
    """,
    """
    CREATE TABLE webhook_deliveries (
        id UUID NOT NULL,
        endpoint_id UUID NOT NULL,
        aggregate_id UUID NOT NULL,
        sequence BIGINT NOT NULL,
        event_id TEXT NOT NULL,
        event_type TEXT NOT NULL,
        body TEXT NOT NULL,
        status TEXT NOT NULL,
        tries INTEGER NOT NULL,
        attempts JSON NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
        CONSTRAINT ck_webhook_deliveries_status CHECK (status IN ('pending', 'delivered', 'failed')),
        CONSTRAINT ck_webhook_deliveries_ended CHECK ((status = 'pending') = (ended_at IS NULL))
    )
    """,
    "CREATE UNIQUE INDEX uq_webhook_deliveries_line ON webhook_deliveries (endpoint_id, aggregate_id, sequence)",
    "CREATE INDEX ix_webhook_deliveries_endpoint_id_id ON webhook_deliveries (endpoint_id, id)",
    "CREATE INDEX ix_webhook_deliveries_ended_at ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL",
    """
    CREATE INDEX ix_webhook_deliveries_endpoint_id_aggregate_id_sequence
        ON webhook_deliveries (endpoint_id, aggregate_id, sequence) WHERE status = 'pending'
    """,
    """
    CREATE TABLE webhook_lines (
        endpoint_id UUID NOT NULL,
        aggregate_id UUID NOT NULL,
        next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
        claimed BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT pk_webhook_lines PRIMARY KEY (endpoint_id, aggregate_id)
    )
    """,
    "CREATE INDEX ix_webhook_lines_endpoint_id_next_attempt_at ON webhook_lines (endpoint_id, next_attempt_at)",
)

GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT, UPDATE ON webhook_endpoints TO tekana_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries, webhook_lines TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Create the three tables."""
    for statement in TABLES:
        op.execute(statement)
    op.execute(GRANTS)


def downgrade() -> None:
    """Forget endpoints and what was delivered to them."""
    op.execute("DROP TABLE webhook_lines, webhook_deliveries, webhook_endpoints")
    op.execute("DELETE FROM relays WHERE name = 'webhooks'")
