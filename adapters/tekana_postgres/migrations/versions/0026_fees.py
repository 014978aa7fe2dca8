"""Fee schedules, and the house wallets of taxes.

Revision ID: 0026
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

CREATE = """
CREATE TABLE fee_schedules (
    id UUID NOT NULL,
    transaction_type TEXT NOT NULL,
    currency CHAR(3) NOT NULL,
    tier TEXT,
    tenant TEXT,
    paid_by TEXT NOT NULL,
    bands JSON NOT NULL,
    minimum BIGINT,
    maximum BIGINT,
    tax_ppm BIGINT NOT NULL,
    shares JSON NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_fee_schedules PRIMARY KEY (id),
    CONSTRAINT ck_fee_schedules_paid_by CHECK (paid_by IN ('payer', 'payee')),
    CONSTRAINT ck_fee_schedules_bounds CHECK (minimum >= 0 AND maximum >= 0 AND minimum <= maximum),
    CONSTRAINT ck_fee_schedules_tax CHECK (tax_ppm BETWEEN 0 AND 1000000),
    CONSTRAINT ck_fee_schedules_period CHECK (valid_until >= valid_from)
)
"""
_HOUSE = "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_house"
_WITH = "ALTER TABLE wallets ADD CONSTRAINT ck_wallets_house CHECK (house IN ({roles})) NOT VALID"


def upgrade() -> None:
    """Create the table. The migrator grants the rights. A later migration validates the constraint."""
    op.execute(CREATE)
    op.execute(_HOUSE)
    op.execute(_WITH.format(roles="'settlement', 'fees', 'exchange', 'suspense', 'taxes'"))


def downgrade() -> None:
    """Drop the table, if there never was a fee: the previous version cannot read one."""
    bind = op.get_bind()
    count = bind.execute(text("SELECT count(*) FROM transactions WHERE details -> 'charge' IS NOT NULL")).scalar_one()
    if count:
        raise RuntimeError(f"there are {count} transactions with fees, which an earlier version cannot read")
    op.execute("DELETE FROM wallets WHERE house = 'taxes' AND version = 0")
    op.execute(_HOUSE)
    op.execute(_WITH.format(roles="'settlement', 'fees', 'exchange', 'suspense'"))
    op.execute("ALTER TABLE wallets VALIDATE CONSTRAINT ck_wallets_house")
    op.execute("DROP TABLE fee_schedules")
