"""Lists by wallet, type and time: fewer indexes, as ids contain the time, and entries lead to a wallet's transactions.

Each index is built in one scan of transactions, during which they cannot be written.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the indexes of all rows by partial ones."""
    op.execute(
        "DROP INDEX ix_transactions_created_at, ix_transactions_from_wallet_id_id, ix_transactions_to_wallet_id_id"
    )
    op.execute("CREATE INDEX ix_transactions_type_id ON transactions (type, id) WHERE type <> 'transfer'")
    for side in ("from_wallet_id", "to_wallet_id"):
        op.execute(f"CREATE INDEX ix_transactions_{side}_id ON transactions ({side}, id) WHERE status <> 'posted'")


def downgrade() -> None:
    """Restore the former indexes."""
    op.execute("DROP INDEX ix_transactions_type_id, ix_transactions_from_wallet_id_id, ix_transactions_to_wallet_id_id")
    op.execute("CREATE INDEX ix_transactions_created_at ON transactions USING brin (created_at)")
    for side in ("from_wallet_id", "to_wallet_id"):
        op.execute(f"CREATE INDEX ix_transactions_{side}_id ON transactions ({side}, id)")
