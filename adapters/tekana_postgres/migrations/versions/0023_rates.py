"""Exchange rates.

Revision ID: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

CREATE = (
    """
CREATE TABLE rates (
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    base CHAR(3) NOT NULL,
    quote CHAR(3) NOT NULL,
    bid TEXT NOT NULL,
    ask TEXT NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    set_by TEXT NOT NULL,
    CONSTRAINT pk_rates PRIMARY KEY (id, version),
    CONSTRAINT ck_rates_version CHECK (version >= 1),
    CONSTRAINT ck_rates_pair CHECK (base <> quote),
    CONSTRAINT ck_rates_prices CHECK (bid::numeric > 0 AND bid::numeric <= ask::numeric)
)
""",
    """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rates
    FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change()
""",
    """
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON rates
    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change()
""",
    "ALTER TABLE rates ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate",
)


def upgrade() -> None:
    """Create the table. The migrator grants the rights."""
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table. The previous version has no rates."""
    op.execute("DROP TABLE rates")
