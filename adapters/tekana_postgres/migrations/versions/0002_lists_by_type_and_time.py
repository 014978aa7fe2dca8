"""Lists by type and by time: what they need to find a page without walking through the whole table.

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
    """Two indexes of few rows, instead of one that is not in the order of the ids."""
    op.execute("CREATE INDEX ix_transactions_type_id ON transactions (type, id) WHERE type <> 'transfer'")
    op.execute("""
        CREATE INDEX ix_transactions_id_disagrees ON transactions (id)
        WHERE created_at - to_timestamp(
            ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint::double precision / 1000
        ) NOT BETWEEN interval '-10 s' AND interval '10 s'
    """)
    op.execute("DROP INDEX ix_transactions_created_at")


def downgrade() -> None:
    """The way it was."""
    op.execute("CREATE INDEX ix_transactions_created_at ON transactions USING brin (created_at)")
    op.execute("DROP INDEX ix_transactions_type_id, ix_transactions_id_disagrees")
