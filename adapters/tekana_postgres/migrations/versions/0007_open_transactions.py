"""Transactions of any type, with any legs, on behalf of a tenant; answers about customers can be erased.

- `transactions` gains the tenant, the request id, the details of its type, and the earlier transaction that it relates
  to. The type is no longer limited to a list: the audit finds unknown ones.
- `entries` gains the index of an entry in its transaction. The table is rewritten, with its columns in an order without
  padding: a row is not larger than before.
- `customer_answers` has the answers under idempotency keys that contain a customer's data. The row of the key, which is
  never deleted, has the customer's id only.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TRANSACTIONS = (
    """
    ALTER TABLE transactions
        ADD COLUMN tenant TEXT NOT NULL DEFAULT 'main', ADD COLUMN request_id TEXT, ADD COLUMN details JSON,
        ADD COLUMN relation TEXT, ADD COLUMN relates_to UUID,
        DROP CONSTRAINT ck_transactions_type,
        ADD CONSTRAINT ck_transactions_type CHECK (type ~ '^[a-z][a-z_]{0,31}$'),
        ADD CONSTRAINT ck_transactions_relation CHECK ((relation IS NULL) = (relates_to IS NULL))
    """,
    "CREATE INDEX ix_transactions_relates_to ON transactions (relates_to) WHERE relates_to IS NOT NULL",
)
TRANSACTIONS_BEFORE = (
    "DROP INDEX ix_transactions_relates_to",
    """
    ALTER TABLE transactions
        DROP CONSTRAINT ck_transactions_relation, DROP CONSTRAINT ck_transactions_type,
        DROP COLUMN tenant, DROP COLUMN request_id, DROP COLUMN details, DROP COLUMN relation, DROP COLUMN relates_to,
        ADD CONSTRAINT ck_transactions_type CHECK (type IN ('deposit', 'withdrawal', 'transfer'))
    """,
)

ENTRIES = """
CREATE TABLE entries (
    wallet_id UUID NOT NULL,
    transaction_id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    ledger_balance_after BIGINT NOT NULL,
    posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    currency CHAR(3) NOT NULL,
    leg SMALLINT,
    CONSTRAINT pk_entries PRIMARY KEY (wallet_id, version),
    CONSTRAINT ck_entries_amount CHECK (amount <> 0),
    CONSTRAINT ck_entries_version CHECK (version >= 1 AND sequence >= version),
    CONSTRAINT ck_entries_leg CHECK (leg >= 0)
)
"""
ENTRIES_BEFORE = """
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
)
"""
ENTRIES_INDEX = "CREATE INDEX ix_entries_transaction_id ON entries (transaction_id)"
COLUMNS = "wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at"

KEYS = """
CREATE TABLE idempotency_keys (
    key_digest UUID NOT NULL,
    fingerprint BIGINT NOT NULL,
    transaction_id UUID,
    answer JSON,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (key_digest),
    CONSTRAINT ck_idempotency_keys_answer CHECK ((transaction_id IS NULL) = (answer IS NOT NULL))
)
"""
CUSTOMER_ANSWERS = """
CREATE TABLE customer_answers (
    key_digest UUID NOT NULL,
    customer_id UUID NOT NULL,
    answer JSON NOT NULL,
    CONSTRAINT pk_customer_answers PRIMARY KEY (key_digest)
)
"""
# Revision 0006 stores the JSON text ["Wallet",{...}] or ["CustomerWithWallets",[{...},[...]]]: moved unchanged, so that
# a replay has the same bytes.
MOVE_ANSWERS = """
INSERT INTO customer_answers (key_digest, customer_id, answer)
SELECT key_digest, (CASE answer->>0 WHEN 'Wallet' THEN answer->1->>'customer_id' ELSE answer->1->0->>'id' END)::uuid,
       answer
FROM idempotency_keys WHERE answer->>0 IN ('Wallet', 'CustomerWithWallets')
"""
KEYS_WITHOUT_ANSWERS = """
INSERT INTO idempotency_keys
SELECT k.key_digest, k.fingerprint, k.transaction_id,
       CASE WHEN a.key_digest IS NULL THEN k.answer ELSE ('["CustomerAnswer","' || a.customer_id || '"]')::json END
FROM idempotency_keys_before k LEFT JOIN customer_answers a ON a.key_digest = k.key_digest
"""
KEYS_WITH_ANSWERS = """
INSERT INTO idempotency_keys
SELECT k.key_digest, k.fingerprint, k.transaction_id, coalesce(a.answer, k.answer)
FROM idempotency_keys_before k LEFT JOIN customer_answers a ON a.key_digest = k.key_digest
"""

GUARD = (
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
GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT ON {table} TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Allow any type and legs of transactions, and move answers about customers to a table that permits erasure."""
    for statement in TRANSACTIONS:
        op.execute(statement)
    _replace(
        "entries",
        ENTRIES,
        f"""
        INSERT INTO entries ({COLUMNS}, leg)
        SELECT {COLUMNS}, row_number() OVER (PARTITION BY transaction_id ORDER BY amount) - 1 FROM entries_before
        """,
        ENTRIES_INDEX,
    )
    op.execute(CUSTOMER_ANSWERS)
    op.execute(MOVE_ANSWERS)
    op.execute("CREATE INDEX ix_customer_answers_customer_id ON customer_answers (customer_id)")
    op.execute(GRANTS.format(table="customer_answers"))
    _replace("idempotency_keys", KEYS, KEYS_WITHOUT_ANSWERS)


def downgrade() -> None:
    """Go back to deposits, withdrawals and transfers. Refused where there is a transaction of another type."""
    _replace("idempotency_keys", KEYS, KEYS_WITH_ANSWERS)
    op.execute("DROP TABLE customer_answers")
    fill = f"INSERT INTO entries ({COLUMNS}) SELECT {COLUMNS} FROM entries_before"
    _replace("entries", ENTRIES_BEFORE, fill, ENTRIES_INDEX)
    for statement in TRANSACTIONS_BEFORE:
        op.execute(statement)


def _replace(table: str, create: str, fill: str, *indexes: str) -> None:
    """Write an append-only table anew: the audit would find updated rows, and there are none."""
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    op.execute(f"ALTER TABLE {table}_before RENAME CONSTRAINT pk_{table} TO pk_{table}_before")
    if indexes:
        op.execute(f"DROP INDEX ix_{table}_transaction_id")
    op.execute(create)
    op.execute(fill)
    op.execute(f"DROP TABLE {table}_before")
    for statement in (*indexes, *(one.format(table=table) for one in GUARD), GRANTS.format(table=table)):
        op.execute(statement)
