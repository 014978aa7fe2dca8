"""Relays: the cursor of each, and its parked events.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE relays (
        name TEXT NOT NULL,
        holder TEXT,
        epoch BIGINT DEFAULT 0 NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        cursor TEXT,
        CONSTRAINT pk_relays PRIMARY KEY (name),
        CONSTRAINT ck_relays_lease CHECK ((holder IS NULL) = (expires_at IS NULL))
    )
    """,
    """
    CREATE TABLE parked_events (
        relay TEXT NOT NULL,
        position BIGINT NOT NULL,
        place INTEGER NOT NULL,
        aggregate_id UUID NOT NULL,
        event_type TEXT NOT NULL,
        event JSON NOT NULL,
        reason TEXT,
        asked BOOLEAN DEFAULT false NOT NULL,
        parked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_parked_events PRIMARY KEY (relay, position, place)
    )
    """,
    "CREATE INDEX ix_parked_events_relay_aggregate_id ON parked_events (relay, aggregate_id)",
)

GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT, UPDATE ON relays TO tekana_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON parked_events TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Create the two tables."""
    for table in TABLES:
        op.execute(table)
    op.execute(GRANTS)


def downgrade() -> None:
    """Drop the cursors of relays: all events are published again then."""
    op.execute("DROP TABLE parked_events, relays")
