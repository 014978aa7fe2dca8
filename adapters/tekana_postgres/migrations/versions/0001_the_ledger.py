"""The ledger: customers, wallets, transactions, entries, idempotency keys and the outbox.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE customers (
    id UUID NOT NULL,
    full_name TEXT NOT NULL,
    email TEXT NOT NULL,
    phone_number TEXT NOT NULL,
    country CHAR(2),
    external_id TEXT,
    metadata JSON,
    status TEXT NOT NULL,
    suspension_reason TEXT,
    tier TEXT,
    version BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_customers PRIMARY KEY (id),
    CONSTRAINT ck_customers_status CHECK (status IN ('active', 'suspended', 'closed')),
    CONSTRAINT ck_customers_suspension CHECK ((status = 'suspended') = (suspension_reason IS NOT NULL)),
    CONSTRAINT ck_customers_version CHECK (version >= 1)
);
CREATE INDEX ix_customers_status_id ON customers (status, id);
CREATE UNIQUE INDEX uq_customers_email ON customers (email, (CASE WHEN status = 'closed' THEN id END)) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX uq_customers_external_id ON customers (external_id, (CASE WHEN status = 'closed' THEN id END)) NULLS NOT DISTINCT WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX uq_customers_phone_number ON customers (phone_number, (CASE WHEN status = 'closed' THEN id END)) NULLS NOT DISTINCT;
CREATE TABLE wallets (
    id UUID NOT NULL,
    customer_id UUID,
    house TEXT,
    currency CHAR(3) NOT NULL,
    name TEXT,
    metadata JSON,
    status TEXT NOT NULL,
    freeze_scope TEXT,
    freeze_reason TEXT,
    customer_active BOOLEAN NOT NULL,
    ledger_balance BIGINT NOT NULL,
    held BIGINT NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_wallets PRIMARY KEY (id),
    CONSTRAINT ck_wallets_available_balance CHECK (house IS NOT NULL OR ledger_balance - held >= 0),
    CONSTRAINT ck_wallets_held CHECK (held >= 0),
    CONSTRAINT ck_wallets_version CHECK (version >= 0 AND sequence >= version),
    CONSTRAINT ck_wallets_owner CHECK ((house IS NULL) = (customer_id IS NOT NULL)),
    CONSTRAINT ck_wallets_house CHECK (house IN ('settlement', 'fees', 'exchange', 'suspense')),
    CONSTRAINT ck_wallets_status CHECK (status IN ('active', 'frozen', 'closed')),
    CONSTRAINT ck_wallets_freeze_scope CHECK (freeze_scope IN ('debits', 'all')),
    CONSTRAINT ck_wallets_frozen CHECK ((status = 'frozen') = (freeze_scope IS NOT NULL)),
    CONSTRAINT ck_wallets_closed CHECK (status <> 'closed' OR (ledger_balance = 0 AND held = 0))
)
 WITH (fillfactor = 70);
CREATE INDEX ix_wallets_currency_id ON wallets (currency, id);
CREATE INDEX ix_wallets_customer_id_id ON wallets (customer_id, id);
CREATE TABLE transactions (
    id UUID NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    from_wallet_id UUID NOT NULL,
    to_wallet_id UUID NOT NULL,
    description TEXT,
    reference TEXT,
    metadata JSON,
    rejection JSON,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    posted_at TIMESTAMP WITH TIME ZONE,
    effective_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_transactions PRIMARY KEY (id),
    CONSTRAINT ck_transactions_type CHECK (type IN ('deposit', 'withdrawal', 'transfer')),
    CONSTRAINT ck_transactions_status CHECK (status IN ('posted', 'rejected')),
    CONSTRAINT ck_transactions_amount CHECK (amount > 0),
    CONSTRAINT ck_transactions_posted CHECK ((status = 'posted') = (posted_at IS NOT NULL)),
    CONSTRAINT ck_transactions_rejected CHECK ((status = 'rejected') = (rejection IS NOT NULL)),
    CONSTRAINT ck_transactions_wallets CHECK (status = 'rejected' OR from_wallet_id <> to_wallet_id),
    CONSTRAINT ck_transactions_effective_at CHECK (isfinite(effective_at))
);
CREATE INDEX ix_transactions_created_at ON transactions USING brin (created_at);
CREATE INDEX ix_transactions_from_wallet_id_id ON transactions (from_wallet_id, id);
CREATE INDEX ix_transactions_reference_id ON transactions (reference, id) WHERE reference IS NOT NULL;
CREATE INDEX ix_transactions_status_id ON transactions (status, id) WHERE status <> 'posted';
CREATE INDEX ix_transactions_to_wallet_id_id ON transactions (to_wallet_id, id);
CREATE TABLE entries (
    wallet_id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    transaction_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    ledger_balance_after BIGINT NOT NULL,
    posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_entries PRIMARY KEY (wallet_id, version),
    CONSTRAINT ck_entries_amount CHECK (amount <> 0),
    CONSTRAINT ck_entries_version CHECK (version >= 1 AND sequence >= version)
);
CREATE INDEX ix_entries_transaction_id ON entries (transaction_id);
CREATE TABLE idempotency_keys (
    key_digest UUID NOT NULL,
    fingerprint BIGINT NOT NULL,
    transaction_id UUID,
    answer JSON,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (key_digest),
    CONSTRAINT ck_idempotency_keys_answer CHECK ((transaction_id IS NULL) = (answer IS NOT NULL))
);
CREATE TABLE outbox (
    position BIGINT GENERATED BY DEFAULT AS IDENTITY (CACHE 1),
    transaction_id UUID,
    event_type TEXT,
    event JSON,
    CONSTRAINT pk_outbox PRIMARY KEY (position),
    CONSTRAINT ck_outbox_event CHECK ((transaction_id IS NULL) = (event IS NOT NULL)),
    CONSTRAINT ck_outbox_event_type CHECK ((event_type IS NULL) = (event IS NULL))
);
"""

# Posted history never changes: triggers refuse updates of the application, of psql sessions and of replication tools.
REFUSE = """
CREATE FUNCTION tekana_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed nor removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate;
"""

# Positions in the outbox are assigned in order, but units of work commit in any order. A unit holds an advisory lock with
# the last position that was assigned when it began (`taken`): it may still commit any later position. A reader reads up
# to the lowest of these positions. The order of steps is essential: a unit locks before positions are assigned; a reader
# reads the last assigned position before the locks. 0x7465 ("te") is the prefix of these locks, and leaves 48 bits for a
# position.
TAKE_POSITIONS = """
CREATE FUNCTION tekana_take_positions(count bigint) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    taken bigint := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq);
BEGIN
    PERFORM pg_advisory_xact_lock_shared((x'7465'::bigint << 48) + taken);
    RETURN QUERY SELECT nextval('outbox_position_seq') FROM generate_series(1, count);
END $$
"""
SETTLED_POSITION = """
CREATE FUNCTION tekana_settled_position() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    taken bigint := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq);
BEGIN
    RETURN least(taken, (
        SELECT min(((classid::bigint & x'ffff'::bigint) << 32) + objid::bigint) FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = x'7465'::bigint
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ));
END $$
"""

# For the role of the first versions, if the server has it. `tekana_postgres.rights` grants the present rights.
GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO tekana_app', current_schema());
        GRANT SELECT ON alembic_version TO tekana_app;
        GRANT SELECT, INSERT, UPDATE ON customers, wallets TO tekana_app;
        GRANT SELECT, INSERT ON transactions, entries, idempotency_keys, outbox TO tekana_app;
        GRANT USAGE, SELECT ON SEQUENCE outbox_position_seq TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Create all objects."""
    _execute(TABLES)
    op.execute(REFUSE)
    for table in ("transactions", "entries", "idempotency_keys", "outbox"):
        _execute(GUARD.format(table=table))
    op.execute(TAKE_POSITIONS)
    op.execute(SETTLED_POSITION)
    op.execute(GRANTS)


def _execute(statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop all objects except the role, which other databases of the server may use."""
    op.execute("DROP TABLE outbox, idempotency_keys, entries, transactions, wallets, customers")
    op.execute("DROP FUNCTION tekana_refuse_change, tekana_take_positions, tekana_settled_position")
