"""Quotes. And the constraints on wallets that the migrations before have added are validated.

Revision ID: 0027
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CREATE = """
CREATE TABLE quotes (
    id UUID NOT NULL,
    tenant TEXT DEFAULT 'main' NOT NULL,
    type TEXT NOT NULL,
    from_wallet_id UUID NOT NULL,
    to_wallet_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    charge JSON,
    exchange JSON,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_by UUID,
    CONSTRAINT pk_quotes PRIMARY KEY (id),
    CONSTRAINT ck_quotes_amount CHECK (amount > 0)
)
"""


def upgrade() -> None:
    """Create the table. The migrator grants the rights."""
    op.execute(CREATE)
    op.execute("ALTER TABLE wallets VALIDATE CONSTRAINT ck_wallets_kind")
    op.execute("ALTER TABLE wallets VALIDATE CONSTRAINT ck_wallets_house")


def downgrade() -> None:
    """Drop the table. The previous version has no quotes."""
    op.execute("DROP TABLE quotes")
