"""Positions by default: a unit marks how far the outbox was, and the rows then take their positions as they are written.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The first half of what tekana_take_positions did; see there, in the migration that made the outbox.
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
    """Marking alone."""
    op.execute(MARK_POSITION)
    op.execute("DROP FUNCTION tekana_take_positions")


def downgrade() -> None:
    """Marking and taking in one."""
    op.execute(TAKE_POSITIONS)
    op.execute("DROP FUNCTION tekana_mark_position")
