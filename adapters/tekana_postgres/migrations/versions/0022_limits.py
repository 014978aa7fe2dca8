"""Limits of tiers, and what customers use of them.

What was moved before counts as nothing, so that the present day, week and month begin anew. A process of the version
before counts nothing either: stop all of them before this version serves.

Revision ID: 0022
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = (
    """
CREATE TABLE limits (
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    tier TEXT NOT NULL,
    currency CHAR(3) NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    set_by TEXT NOT NULL,
    largest_transaction BIGINT,
    largest_balance BIGINT,
    daily_outgoing_amount BIGINT,
    daily_outgoing_count BIGINT,
    weekly_outgoing_amount BIGINT,
    weekly_outgoing_count BIGINT,
    monthly_outgoing_amount BIGINT,
    monthly_outgoing_count BIGINT,
    daily_incoming_amount BIGINT,
    daily_incoming_count BIGINT,
    weekly_incoming_amount BIGINT,
    weekly_incoming_count BIGINT,
    monthly_incoming_amount BIGINT,
    monthly_incoming_count BIGINT,
    CONSTRAINT pk_limits PRIMARY KEY (id, version),
    CONSTRAINT ck_limits_tier CHECK (tier IN ('0', '1', '2', '3')),
    CONSTRAINT ck_limits_version CHECK (version >= 1),
    CONSTRAINT ck_limits_limits CHECK (least(
        largest_transaction, largest_balance, daily_outgoing_amount, daily_outgoing_count,
        weekly_outgoing_amount, weekly_outgoing_count, monthly_outgoing_amount, monthly_outgoing_count,
        daily_incoming_amount, daily_incoming_count, weekly_incoming_amount,
        weekly_incoming_count, monthly_incoming_amount, monthly_incoming_count
    ) > 0)
)
""",
    """
CREATE TABLE time_zones (
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_time_zones PRIMARY KEY (valid_from)
)
""",
    """
CREATE TABLE terms (
    id SMALLINT NOT NULL,
    version BIGINT NOT NULL,
    counted_from TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_terms PRIMARY KEY (id),
    CONSTRAINT ck_terms_id CHECK (id = 1)
)
""",
)
# What is posted after the last transaction is counted, whatever the clock of the migration says.
ROWS = (
    """
INSERT INTO limits
SELECT id::uuid, 1, tier, 'RWF', '1970-01-01T00:00Z', 'tekana', largest_transaction, largest_balance,
    daily, NULL::bigint, weekly, NULL, monthly, NULL, daily, NULL, weekly, NULL, monthly, NULL
FROM (VALUES
    ('00000000-0001-7000-8000-000000525746', '0', 500000, 1000000, 1000000, 2000000, 4000000),
    ('00000000-0001-7000-8000-000001525746', '1', 1000000, 2000000, 2000000, 5000000, 10000000),
    ('00000000-0001-7000-8000-000002525746', '2', 5000000, 10000000, 10000000, 25000000, 50000000),
    ('00000000-0001-7000-8000-000003525746', '3', 50000000, NULL, 200000000, NULL, NULL)
) AS shipped (id, tier, largest_transaction, largest_balance, daily, weekly, monthly)
""",
    "INSERT INTO time_zones VALUES ('1970-01-01T00:00Z', 'Africa/Kigali')",
    """
INSERT INTO terms
SELECT 1, 1, coalesce(
    (SELECT created_at + interval '1 microsecond' FROM transactions ORDER BY id DESC LIMIT 1), '1970-01-01T00:00Z')
""",
)
COLUMNS = (
    """
ALTER TABLE wallets ADD COLUMN tier TEXT, ADD COLUMN limit_override JSON, ADD COLUMN usage TEXT,
    ADD COLUMN usage_wallet_id UUID
""",
    "ALTER TABLE customers ADD COLUMN limit_overrides JSON",
)
# Customers with several wallets in a currency, who are few; and those who are verified to a tier that has a name here.
COPIES = (
    """
WITH several AS (
    SELECT customer_id, currency FROM wallets WHERE house IS NULL GROUP BY customer_id, currency HAVING count(*) > 1
), shared AS (
    SELECT w.id, first_value(w.id) OVER (PARTITION BY w.customer_id, w.currency ORDER BY w.created_at, w.id) AS first_id
    FROM wallets w JOIN several USING (customer_id, currency)
)
UPDATE wallets SET usage_wallet_id = shared.first_id FROM shared WHERE shared.id = wallets.id AND shared.id <> first_id
""",
    """
UPDATE wallets w SET usage = format('[1,0,0,0,0,0,0,0,0,0,0,0,0,%s]', others.balance)
FROM (SELECT usage_wallet_id, sum(ledger_balance) AS balance FROM wallets GROUP BY usage_wallet_id) others
WHERE w.id = others.usage_wallet_id
""",
    "UPDATE wallets w SET tier = c.tier FROM customers c WHERE c.id = w.customer_id AND c.tier IN ('1', '2', '3')",
)
GUARDS = (
    """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change()
""",
    """
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change()
""",
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate",
)
DROP = (
    "ALTER TABLE wallets DROP COLUMN tier, DROP COLUMN limit_override, DROP COLUMN usage, DROP COLUMN usage_wallet_id",
    "ALTER TABLE customers DROP COLUMN limit_overrides",
    "DROP TABLE limits",
    "DROP TABLE time_zones",
    "DROP TABLE terms",
)


def upgrade() -> None:
    """Create the tables with the limits of a new installation, and the columns. The migrator grants the rights."""
    for statement in (*TABLES, *ROWS, *COLUMNS, *COPIES):
        op.execute(statement)
    for table in ("limits", "time_zones"):
        for statement in GUARDS:
            op.execute(statement.format(table=table))


def downgrade() -> None:
    """Drop all of it. The previous version has no limits."""
    for statement in DROP:
        op.execute(statement)
