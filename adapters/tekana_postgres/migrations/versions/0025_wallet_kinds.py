"""Kinds of wallets: all that exist are personal ones.

Revision ID: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, without a rewrite. Its constraint is validated in a migration of its own."""
    op.execute("ALTER TABLE wallets ADD COLUMN kind TEXT NOT NULL DEFAULT 'personal'")
    op.execute("ALTER TABLE wallets ADD CONSTRAINT ck_wallets_kind CHECK (kind IN ('personal', 'merchant')) NOT VALID")


def downgrade() -> None:
    """Drop the column. The previous version has one kind of wallets."""
    op.execute("ALTER TABLE wallets DROP COLUMN kind")
