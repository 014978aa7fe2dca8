"""API keys: the credentials of partners and operators.

Revision ID: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

API_KEYS = """
CREATE TABLE api_keys (
    id UUID NOT NULL,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    subject TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    previous_secret_hash TEXT,
    previous_until TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_keys PRIMARY KEY (id),
    CONSTRAINT ck_api_keys_kind CHECK (kind IN ('operator', 'partner')),
    CONSTRAINT ck_api_keys_previous_secret CHECK ((previous_secret_hash IS NULL) = (previous_until IS NULL))
)
"""


def upgrade() -> None:
    """Create the table. The migrator grants the rights on it."""
    op.execute(API_KEYS)
    op.execute("CREATE INDEX ix_api_keys_tenant_id ON api_keys (tenant, id)")


def downgrade() -> None:
    """Drop the table. The previous version has no authentication."""
    op.execute("DROP TABLE api_keys")
