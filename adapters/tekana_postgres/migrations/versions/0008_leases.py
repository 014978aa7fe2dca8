"""Leases of other workers than relays. A relay's lease stays in its row of `relays`, with the cursor.

Revision ID: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LEASES = """
CREATE TABLE leases (
    name TEXT NOT NULL,
    holder TEXT,
    epoch BIGINT DEFAULT 0 NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_leases PRIMARY KEY (name),
    CONSTRAINT ck_leases_lease CHECK ((holder IS NULL) = (expires_at IS NULL))
)
"""
GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT, UPDATE ON leases TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(LEASES)
    op.execute(GRANTS)


def downgrade() -> None:
    """Drop the table. In the previous version, only relays need leases."""
    op.execute("DROP TABLE leases")
