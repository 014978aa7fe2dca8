"""Each webhook endpoint knows the positions of the outbox that are from before its activation.

Endpoints that are there get everything, as before: what they would have to leave out is queued already, or never read.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Its default is a constant, so that no row is written, and older versions need not know it."""
    op.execute("ALTER TABLE webhook_endpoints ADD COLUMN passed INT8MULTIRANGE DEFAULT '{}' NOT NULL")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE webhook_endpoints DROP COLUMN passed")
