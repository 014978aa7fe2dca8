"""Approvals: commands that wait for a second person.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE approvals (
    id UUID NOT NULL,
    tenant TEXT NOT NULL,
    asker TEXT NOT NULL,
    command TEXT NOT NULL,
    data TEXT NOT NULL,
    request_id TEXT,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status TEXT NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    rejection_code TEXT,
    resource TEXT,
    resource_id UUID,
    sequence BIGINT NOT NULL,
    CONSTRAINT pk_approvals PRIMARY KEY (id),
    CONSTRAINT ck_approvals_status CHECK (status IN ('pending', 'approved', 'rejected', 'failed')),
    CONSTRAINT ck_approvals_decided_by CHECK ((status = 'pending') = (decided_by IS NULL)),
    CONSTRAINT ck_approvals_decided_at CHECK ((status = 'pending') = (decided_at IS NULL)),
    CONSTRAINT ck_approvals_reason CHECK ((status = 'rejected') = (reason IS NOT NULL)),
    CONSTRAINT ck_approvals_rejection_code CHECK ((status = 'failed') = (rejection_code IS NOT NULL))
)
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    op.execute("CREATE INDEX ix_approvals_status_id ON approvals (status, id)")


def downgrade() -> None:
    """Drop the table. The previous version executes every command at once."""
    op.execute("DROP TABLE approvals")
