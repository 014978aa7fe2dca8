"""A table for customers' personal data, encrypted. Nothing is moved yet: the version before works with it.

`tekana migrate` encrypts the rows of customers and of the answers with their data, as a migration has no keys. Then
0020 drops the readable columns.

Revision ID: 0019
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE customer_details (
    id UUID NOT NULL,
    key TEXT,
    details TEXT,
    index_key_id UUID,
    email_index BYTEA,
    phone_number_index BYTEA,
    external_id_index BYTEA,
    closed BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    tenant TEXT DEFAULT 'main' NOT NULL,
    CONSTRAINT pk_customer_details PRIMARY KEY (id),
    CONSTRAINT ck_customer_details_key CHECK (num_nulls(key, details, index_key_id) IN (0, 3))
)
"""
UNIQUE = """
CREATE UNIQUE INDEX uq_customer_details_{name} ON customer_details ({name}, tenant, (CASE WHEN closed THEN id END))
    NULLS NOT DISTINCT WHERE {name} IS NOT NULL
"""
CONTACTS = {"email": "", "phone_number": "", "external_id": "WHERE external_id IS NOT NULL"}
UNIQUE_BEFORE = """
CREATE UNIQUE INDEX uq_customers_{name} ON customers ({name}, tenant, (CASE WHEN status = 'closed' THEN id END))
    NULLS NOT DISTINCT {where}
"""
ENCRYPTED = "SELECT count(*) FROM customers WHERE full_name IS NULL OR email IS NULL OR phone_number IS NULL"
ENCRYPTED_ANSWERS = "SELECT count(*) FROM customer_answers WHERE answer IS NULL"
BEFORE = (
    "ALTER TABLE customers ALTER full_name SET NOT NULL, ALTER email SET NOT NULL, ALTER phone_number SET NOT NULL",
    """
    ALTER TABLE customers ADD CONSTRAINT ck_customers_suspension
        CHECK ((status = 'suspended') = (suspension_reason IS NOT NULL))
    """,
    "ALTER TABLE customer_answers ALTER answer SET NOT NULL, DROP COLUMN encrypted",
    "ALTER TABLE customers DROP COLUMN erased_at",
    "DROP TABLE customer_details",
)


def upgrade() -> None:
    """Create the table, and the column for encrypted answers."""
    op.execute(TABLE)
    for name in ("email_index", "phone_number_index", "external_id_index"):
        op.execute(UNIQUE.format(name=name))
    op.execute("ALTER TABLE customer_answers ADD COLUMN encrypted TEXT")
    op.execute("ALTER TABLE customers ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE")


def downgrade() -> None:
    """Drop the table, if everything in it is readable elsewhere, as `tekana secrets decrypt` makes it."""
    for what, query in (("customers", ENCRYPTED), ("answers about customers", ENCRYPTED_ANSWERS)):
        count = op.get_bind().execute(text(query)).scalar_one()
        if count:
            raise RuntimeError(
                f"{count} {what} are encrypted, which an earlier version cannot read: "
                "stop all processes and run tekana secrets decrypt"
            )
    indexes = op.get_bind().execute(text("SELECT to_regclass('uq_customers_email') IS NULL")).scalar_one()
    for name, where in CONTACTS.items() if indexes else ():
        op.execute(UNIQUE_BEFORE.format(name=name, where=where))
    for statement in BEFORE if indexes else BEFORE[2:]:
        op.execute(statement)
