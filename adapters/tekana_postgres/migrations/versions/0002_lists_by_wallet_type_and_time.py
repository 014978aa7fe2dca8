"""Lists by wallet, type and time: fewer indexes, as ids carry time and wallets find what was posted by their entries.

Each index is built in one pass over transactions, in which they cannot be written.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indexes of few rows, instead of those of all."""
    op.execute(
        "DROP INDEX ix_transactions_created_at, ix_transactions_from_wallet_id_id, ix_transactions_to_wallet_id_id"
    )
    op.execute("CREATE INDEX ix_transactions_type_id ON transactions (type, id) WHERE type <> 'transfer'")
    for side in ("from_wallet_id", "to_wallet_id"):
        op.execute(f"CREATE INDEX ix_transactions_{side}_id ON transactions ({side}, id) WHERE status <> 'posted'")


def downgrade() -> None:
    """The way it was."""
    op.execute("DROP INDEX ix_transactions_type_id, ix_transactions_from_wallet_id_id, ix_transactions_to_wallet_id_id")
    op.execute("CREATE INDEX ix_transactions_created_at ON transactions USING brin (created_at)")
    for side in ("from_wallet_id", "to_wallet_id"):
        op.execute(f"CREATE INDEX ix_transactions_{side}_id ON transactions ({side}, id)")
