"""Holds of what a reversal has found left: a transaction that has one, and no reversal yet, has a row, too.

Revision ID: 0028
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_HELD = "SELECT count(*) FROM transactions WHERE relation = 'reverses' AND status = 'pending'"


def upgrade() -> None:
    """Permit an amount of zero."""
    op.execute("ALTER TABLE reversals DROP CONSTRAINT ck_reversals_amount")
    op.execute("ALTER TABLE reversals ADD CONSTRAINT ck_reversals_amount CHECK (amount >= 0)")


def downgrade() -> None:
    """Permit it no more, if there never was such a hold: the previous version does not know them."""
    count = op.get_bind().execute(text(_HELD)).scalar_one()
    if count:
        raise RuntimeError(
            f"there are {count} holds of what reversals have found left, which an earlier version ignores"
        )
    op.execute("ALTER TABLE reversals DROP CONSTRAINT ck_reversals_amount")
    op.execute("ALTER TABLE reversals ADD CONSTRAINT ck_reversals_amount CHECK (amount > 0)")
