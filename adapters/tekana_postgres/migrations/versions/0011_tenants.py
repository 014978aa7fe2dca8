"""Tenants: of customers, of their wallets, and of webhook endpoints.

Everything that exists belongs to the tenant `main`; existing webhook endpoints get the events of all tenants, as
before. A contact is unique among the customers of a tenant. The two indexes of large tables have no row of the tenant
`main`, so that its transactions cost nothing more.

Revision ID: 0011
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CONTACTS = {"email": "", "phone_number": "", "external_id": "WHERE external_id IS NOT NULL"}

UNIQUE = """
CREATE UNIQUE INDEX uq_customers_{name} ON customers ({columns}, (CASE WHEN status = 'closed' THEN id END))
    NULLS NOT DISTINCT {where}
"""

COLUMNS = (
    "ALTER TABLE customers ADD COLUMN tenant TEXT DEFAULT 'main' NOT NULL",
    "ALTER TABLE wallets ADD COLUMN tenant TEXT DEFAULT 'main' NOT NULL",
    "ALTER TABLE webhook_endpoints ADD COLUMN tenant TEXT",
)

INDEXES = (
    "CREATE INDEX ix_customers_tenant_id ON customers (tenant, id)",
    "CREATE INDEX ix_customers_tenant_status_id ON customers (tenant, status, id)",
    "CREATE INDEX ix_wallets_tenant_id ON wallets (tenant, id) WHERE tenant <> 'main'",
    "CREATE INDEX ix_transactions_tenant_id ON transactions (tenant, id) WHERE tenant <> 'main'",
)

OTHER_TENANTS = """
SELECT EXISTS (SELECT FROM customers WHERE tenant <> 'main')
    OR EXISTS (SELECT FROM webhook_endpoints WHERE tenant <> 'main')
"""


def upgrade() -> None:
    """Add the columns and indexes."""
    for statement in COLUMNS:
        op.execute(statement)
    for name, where in CONTACTS.items():
        op.execute(f"DROP INDEX uq_customers_{name}")
        op.execute(UNIQUE.format(name=name, columns=f"{name}, tenant", where=where))
    for statement in INDEXES:
        op.execute(statement)


def downgrade() -> None:
    """Remove the columns and indexes, if there is only the tenant `main`."""
    if op.get_bind().execute(text(OTHER_TENANTS)).scalar():
        raise RuntimeError("there are other tenants than main: an older version would mix their customers")
    for name, where in CONTACTS.items():
        op.execute(f"DROP INDEX uq_customers_{name}")
        op.execute(UNIQUE.format(name=name, columns=name, where=where))
    op.execute("DROP INDEX ix_customers_tenant_id, ix_customers_tenant_status_id, ix_wallets_tenant_id")
    op.execute("DROP INDEX ix_transactions_tenant_id")
    for table in ("customers", "wallets", "webhook_endpoints"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN tenant")
