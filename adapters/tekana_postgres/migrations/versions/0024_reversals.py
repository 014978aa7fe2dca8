"""Reversals of transactions.

Revision ID: 0024
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. The migrator grants the rights."""
    op.execute("""
CREATE TABLE reversals (
    id UUID NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT pk_reversals PRIMARY KEY (id),
    CONSTRAINT ck_reversals_amount CHECK (amount > 0)
)
""")


def downgrade() -> None:
    """Drop the table, if there never was a reversal: the previous version cannot read one."""
    count = op.get_bind().execute(text("SELECT count(*) FROM transactions WHERE type = 'reversal'")).scalar_one()
    if count:
        raise RuntimeError(f"there are {count} reversals, which an earlier version cannot read")
    op.execute("DROP TABLE reversals")
