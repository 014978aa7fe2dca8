"""The audit log: who did what. What happened before this migration has no entries.

Revision ID: 0017
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE audit_log (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    resource TEXT,
    resource_id UUID,
    request_id TEXT,
    address TEXT,
    before JSON,
    after JSON,
    personal_fields TEXT[] NOT NULL,
    occurrences INTEGER NOT NULL,
    CONSTRAINT pk_audit_log PRIMARY KEY (id),
    CONSTRAINT ck_audit_log_outcome CHECK (outcome IN ('done', 'refused')),
    CONSTRAINT ck_audit_log_code CHECK ((outcome = 'refused') = (code IS NOT NULL)),
    CONSTRAINT ck_audit_log_occurrences CHECK (occurrences >= 1)
)
"""
INDEXES = (
    "CREATE INDEX ix_audit_log_tenant_id ON audit_log (tenant, id)",
    "CREATE INDEX ix_audit_log_subject_id ON audit_log (subject, id)",
    "CREATE INDEX ix_audit_log_action_id ON audit_log (action, id)",
    "CREATE INDEX ix_audit_log_outcome_id ON audit_log (outcome, id)",
    "CREATE INDEX ix_audit_log_resource_id_id ON audit_log (resource_id, id)",
)
GUARD = (
    """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change()
""",
    """
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change()
""",
    "ALTER TABLE audit_log ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate",
)


def upgrade() -> None:
    """Create the table, with the guards of all history. The migrator grants the rights on it."""
    op.execute(TABLE)
    for statement in (*INDEXES, *GUARD):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table and its entries: export them first. The previous version has no audit log."""
    op.execute("DROP TABLE audit_log")
