"""What customers sign in with: credentials, refresh families, one-time codes, signing keys, outside identities.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE credentials (
        customer_id UUID NOT NULL,
        tenant TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        attempts INTEGER NOT NULL,
        attempted_at TIMESTAMP WITH TIME ZONE,
        locked_until TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_credentials PRIMARY KEY (customer_id)
    )
    """,
    """
    CREATE TABLE refresh_families (
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        tenant TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        rotated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        digest BYTEA NOT NULL,
        previous_digest BYTEA,
        sealed_successor BYTEA,
        ended BOOLEAN NOT NULL,
        CONSTRAINT pk_refresh_families PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_refresh_families_customer_id ON refresh_families (customer_id)",
    """
    CREATE TABLE one_time_codes (
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        tenant TEXT NOT NULL,
        code_hash TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        attempts INTEGER NOT NULL,
        CONSTRAINT pk_one_time_codes PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_one_time_codes_customer_id ON one_time_codes (customer_id)",
    """
    CREATE TABLE signing_keys (
        period INTEGER NOT NULL,
        kid TEXT NOT NULL,
        public_key BYTEA NOT NULL,
        sealed_private_key BYTEA NOT NULL,
        CONSTRAINT pk_signing_keys PRIMARY KEY (period)
    )
    """,
    """
    CREATE TABLE identities (
        id UUID NOT NULL,
        tenant TEXT NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        customer_id UUID NOT NULL,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_identities PRIMARY KEY (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_identities_subject ON identities (tenant, issuer, subject)",
    "CREATE INDEX ix_identities_customer_id ON identities (customer_id)",
)

GRANTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT, UPDATE ON credentials TO tekana_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_families, one_time_codes, signing_keys, identities TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES:
        op.execute(statement)
    op.execute(GRANTS)


def downgrade() -> None:
    """Drop the tables: customers have to set a password anew."""
    op.execute("DROP TABLE identities, signing_keys, one_time_codes, refresh_families, credentials")
