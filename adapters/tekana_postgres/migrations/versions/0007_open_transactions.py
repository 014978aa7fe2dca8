"""Transactions of any type, with any legs, on behalf of a tenant; answers about customers can be erased.

- `transactions` gains whose it is and in which request, the details of its type, and the earlier transaction that it is
  about. A type is no longer one of a list: the audit asks for unknown ones.
- `entries` gains the place of an entry in its transaction. The table is written anew, with its columns in an order that
  leaves no padding: a row takes no more room than before.
- `customer_answers` holds the answers under idempotency keys that contain a customer's data. Under the key itself,
  which is kept for ever, only the customer's id remains.

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
# A rejection's last element, the family of its error, is not known to 0006.
TRANSACTIONS_BEFORE = (
    "DROP INDEX ix_transactions_relates_to",
    "ALTER TABLE transactions DISABLE TRIGGER append_only",
    """
    UPDATE transactions SET rejection = json_build_array(rejection->0, rejection->1, rejection->2, rejection->3)
    WHERE json_array_length(rejection) > 4
    """,
    "ALTER TABLE transactions ENABLE ALWAYS TRIGGER append_only",
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
COLUMNS = "wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at"
GUARD = (
    "CREATE INDEX ix_entries_transaction_id ON entries (transaction_id)",
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entries
        FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change()
    """,
    """
    CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON entries
        FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change()
    """,
    "ALTER TABLE entries ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate",
)

CUSTOMER_ANSWERS = """
CREATE TABLE customer_answers (
    key_digest UUID NOT NULL,
    customer_id UUID NOT NULL,
    answer JSON NOT NULL,
    CONSTRAINT pk_customer_answers PRIMARY KEY (key_digest)
)
"""
# What 0006 stores is the JSON text ["Wallet",{...}] or ["CustomerWithWallets",[{...},[...]]]: moved as it is, so that a
# replay is the same to the byte.
MOVE_ANSWERS = (
    """
    INSERT INTO customer_answers (key_digest, customer_id, answer)
    SELECT key_digest, (CASE answer->>0 WHEN 'Wallet' THEN answer->1->>'customer_id'
        ELSE answer->1->0->>'id' END)::uuid, answer
    FROM idempotency_keys WHERE answer->>0 IN ('Wallet', 'CustomerWithWallets')
    """,
    "ALTER TABLE idempotency_keys DISABLE TRIGGER append_only",
    """
    UPDATE idempotency_keys k
    SET answer = ('["CustomerAnswer","' || a.customer_id || '"]')::json
    FROM customer_answers a WHERE a.key_digest = k.key_digest
    """,
    "ALTER TABLE idempotency_keys ENABLE ALWAYS TRIGGER append_only",
    "CREATE INDEX ix_customer_answers_customer_id ON customer_answers (customer_id)",
)
MOVE_ANSWERS_BACK = (
    "ALTER TABLE idempotency_keys DISABLE TRIGGER append_only",
    """
    UPDATE idempotency_keys k SET answer = a.answer FROM customer_answers a WHERE a.key_digest = k.key_digest
    """,
    """
    UPDATE idempotency_keys SET answer = json_build_array('Rejection',
        json_build_array(answer->1->0, answer->1->1, answer->1->2, answer->1->3))
    WHERE answer->>0 = 'Rejection' AND json_array_length(answer->1) > 4
    """,
    "ALTER TABLE idempotency_keys ENABLE ALWAYS TRIGGER append_only",
    "DROP TABLE customer_answers",
)

GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT ON {tables} TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Open transactions to any type and legs, and move customers' answers to where they can be erased."""
    for statement in TRANSACTIONS:
        op.execute(statement)
    _replace_entries(
        ENTRIES,
        f"""
        INSERT INTO entries ({COLUMNS}, leg)
        SELECT {COLUMNS}, row_number() OVER (PARTITION BY transaction_id ORDER BY amount) - 1 FROM entries_before
        """,
    )
    op.execute(CUSTOMER_ANSWERS)
    for statement in MOVE_ANSWERS:
        op.execute(statement)
    op.execute(GRANTS.format(tables="entries, customer_answers"))


def downgrade() -> None:
    """Go back to deposits, withdrawals and transfers. Refused where there is a transaction of another type."""
    for statement in MOVE_ANSWERS_BACK:
        op.execute(statement)
    _replace_entries(ENTRIES_BEFORE, f"INSERT INTO entries ({COLUMNS}) SELECT {COLUMNS} FROM entries_before")
    for statement in TRANSACTIONS_BEFORE:
        op.execute(statement)
    op.execute(GRANTS.format(tables="entries"))


def _replace_entries(create: str, fill: str) -> None:
    op.execute("ALTER TABLE entries RENAME TO entries_before")
    op.execute("ALTER TABLE entries_before RENAME CONSTRAINT pk_entries TO pk_entries_before")
    op.execute("ALTER INDEX ix_entries_transaction_id RENAME TO ix_entries_before_transaction_id")
    op.execute(create)
    op.execute(fill)
    op.execute("DROP TABLE entries_before")
    for statement in GUARD:
        op.execute(statement)
