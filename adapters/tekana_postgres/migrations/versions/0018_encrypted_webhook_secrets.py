"""The secrets of webhook endpoints are encrypted. The tables stay as they are.

A migration has no keys: a worker encrypts the secrets, and `tekana secrets decrypt` decrypts them before a downgrade.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ENCRYPTED = """
SELECT count(*) FROM webhook_endpoints
WHERE starts_with(secret, 'encrypted:') OR starts_with(previous_secret, 'encrypted:')
"""


def upgrade() -> None:
    """Change nothing."""


def downgrade() -> None:
    """Change nothing, if no secret is encrypted."""
    count = op.get_bind().execute(text(ENCRYPTED)).scalar_one()
    if count:
        raise RuntimeError(
            f"the secrets of {count} webhook endpoints are encrypted, which an earlier version cannot read: "
            "stop all processes and run tekana secrets decrypt"
        )
