"""The table of customers' personal data: encrypted, and found by keyed hashes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, LargeBinary, Table, Text, Uuid, text

from tekana_postgres.tables.columns import MAY_UPDATE, metadata, tenant

customer_details = Table(
    "customer_details",
    metadata,
    Column("id", Uuid, primary_key=True, info={"references": "customers.id"}),
    # NULL once the customer is erased, as is all that the key encrypts.
    Column("key", Text),
    Column("details", Text),
    Column("index_key_id", Uuid),
    Column("email_index", LargeBinary),
    Column("phone_number_index", LargeBinary),
    Column("external_id_index", LargeBinary),
    Column("closed", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),  # that of the customer when this was written
    tenant(),
    CheckConstraint("num_nulls(key, details, index_key_id) IN (0, 3)", name="key"),
    info={"rights": MAY_UPDATE, "audited": ("id", "index_key_id", "closed", "version", "tenant")},
)

# A contact is free again once its customer is closed: closed rows differ by their id, all others by NULL.
_closed = text("(CASE WHEN closed THEN id END)")
for _contact in ("email_index", "phone_number_index", "external_id_index"):
    Index(
        f"uq_customer_details_{_contact}",
        customer_details.c[_contact],
        customer_details.c.tenant,
        _closed,
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=customer_details.c[_contact].is_not(None),
    )
