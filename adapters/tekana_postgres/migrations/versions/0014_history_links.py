"""Links of history. Rows that are there have none until `tekana history seal` adds them: a migration has no key.

Processes of the previous version, which may still run, add rows without links. So seal when all of them are stopped.

Revision ID: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE history_links (
    chain UUID NOT NULL,
    number BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    key_id UUID NOT NULL,
    form SMALLINT NOT NULL,
    transactions BYTEA NOT NULL,
    answers BYTEA NOT NULL,
    events BYTEA NOT NULL,
    event_positions BIGINT[],
    audit_entries BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT pk_history_links PRIMARY KEY (chain, number),
    CONSTRAINT ck_history_links_number CHECK (number >= 1)
)
"""
# The records cannot be compressed, so PostgreSQL does not try.
STORAGE = """
ALTER TABLE history_links ALTER transactions SET STORAGE EXTERNAL, ALTER answers SET STORAGE EXTERNAL,
    ALTER events SET STORAGE EXTERNAL, ALTER event_positions SET STORAGE EXTERNAL,
    ALTER audit_entries SET STORAGE EXTERNAL
"""
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON history_links
    FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON history_links
    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change();
ALTER TABLE history_links ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate;
"""


def upgrade() -> None:
    """Create the table, with the guards of all history."""
    op.execute(TABLE)
    op.execute(STORAGE)
    for statement in GUARD.strip().split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table. The rows that it is about stay; after another upgrade, they are sealed again."""
    op.execute("DROP TABLE history_links")
