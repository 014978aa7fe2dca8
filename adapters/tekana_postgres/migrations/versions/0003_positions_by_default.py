"""Positions by default: a unit locks the last assigned position, and the column default assigns those of its rows.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The first half of tekana_take_positions: see the migration that created the outbox.
MARK_POSITION = """
CREATE FUNCTION tekana_mark_position() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    taken bigint := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq);
BEGIN
    PERFORM pg_advisory_xact_lock_shared((x'7465'::bigint << 48) + taken);
END $$
"""
TAKE_POSITIONS = """
CREATE FUNCTION tekana_take_positions(count bigint) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    taken bigint := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq);
BEGIN
    PERFORM pg_advisory_xact_lock_shared((x'7465'::bigint << 48) + taken);
    RETURN QUERY SELECT nextval('outbox_position_seq') FROM generate_series(1, count);
END $$
"""


def upgrade() -> None:
    """Create a function that only locks."""
    op.execute(MARK_POSITION)
    op.execute("DROP FUNCTION tekana_take_positions")


def downgrade() -> None:
    """Restore the function that locks and assigns positions."""
    op.execute(TAKE_POSITIONS)
    op.execute("DROP FUNCTION tekana_mark_position")
