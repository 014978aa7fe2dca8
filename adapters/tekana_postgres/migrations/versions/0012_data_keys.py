"""Data keys, which encrypt what other tables hold. Each is wrapped with a master key, which is not in the database.

Revision ID: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE data_keys (
    id UUID NOT NULL,
    purpose TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_data_keys PRIMARY KEY (id)
)
"""
CURRENT = "CREATE UNIQUE INDEX uq_data_keys_current ON data_keys (purpose) WHERE retired_at IS NULL"


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    op.execute(CURRENT)


def downgrade() -> None:
    """Drop the table. The previous version encrypts nothing."""
    op.execute("DROP TABLE data_keys")
