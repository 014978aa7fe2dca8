"""The readable columns of customers and of answers about them are dropped, once all of them are encrypted.

It locks these tables, which money by wallet id does not need, for as long as it takes to compare the versions of all
customers: about a second for a million. A process of the version before reads and changes no customers from then on.

Revision ID: 0020
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LOCK = "LOCK TABLE customers, customer_details, customer_answers IN ACCESS EXCLUSIVE MODE"
READABLE = """
SELECT count(*) FROM customers c LEFT JOIN customer_details d ON d.id = c.id WHERE d.version IS DISTINCT FROM c.version
"""
READABLE_ANSWERS = "SELECT count(*) FROM customer_answers WHERE encrypted IS NULL"
DROP = (
    """
    ALTER TABLE customers DROP CONSTRAINT IF EXISTS ck_customers_suspension,
        DROP COLUMN full_name, DROP COLUMN email, DROP COLUMN phone_number, DROP COLUMN external_id,
        DROP COLUMN metadata, DROP COLUMN suspension_reason
    """,
    "ALTER TABLE customer_answers DROP COLUMN answer, ALTER encrypted SET NOT NULL",
)
ADD = (
    """
    ALTER TABLE customers ADD COLUMN full_name TEXT, ADD COLUMN email TEXT, ADD COLUMN phone_number TEXT,
        ADD COLUMN external_id TEXT, ADD COLUMN metadata JSON, ADD COLUMN suspension_reason TEXT
    """,
    "ALTER TABLE customer_answers ADD COLUMN answer JSON, ALTER encrypted DROP NOT NULL",
)


class NotEncrypted(RuntimeError):
    """Some rows are readable only. The message has their number."""


def upgrade() -> None:
    """Drop the columns."""
    op.execute(LOCK)
    for what, query in (("customers", READABLE), ("answers about customers", READABLE_ANSWERS)):
        count = op.get_bind().execute(text(query)).scalar_one()
        if count:
            raise NotEncrypted(f"{count} {what} are not encrypted yet: run tekana migrate")
    for statement in DROP:
        op.execute(statement)


def downgrade() -> None:
    """Add the columns, empty. `tekana secrets decrypt` fills them."""
    for statement in ADD:
        op.execute(statement)
