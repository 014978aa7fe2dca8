"""The keys that sign access tokens, and the links with subjects of outside issuers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from uuid import UUID

from tekana.domain.audit_log import AuditEntry
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.signing_keys import SigningKey
from tekana_postgres.audit_log import audited_transaction
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.history_links import Chains

_KEY_COLUMNS = ", ".join(one.name for one in fields(SigningKey))
_LIST_KEYS = f"SELECT {_KEY_COLUMNS} FROM signing_keys ORDER BY period"
_ADD_KEY = f"INSERT INTO signing_keys ({_KEY_COLUMNS}) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1"
_REMOVE_KEYS = "DELETE FROM signing_keys WHERE period < $1"

_IDENTITY_COLUMNS = ", ".join(one.name for one in fields(Identity))
_OF_SUBJECT = "FROM identities WHERE tenant = $1 AND issuer = $2 AND subject = $3"
_FIND = f"SELECT {_IDENTITY_COLUMNS} {_OF_SUBJECT}"
IDENTITIES_OF = f"SELECT {_IDENTITY_COLUMNS} FROM identities WHERE customer_id = $1 ORDER BY id"
_ADD = f"""
INSERT INTO identities ({_IDENTITY_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING 1
"""
_REMOVE = "DELETE FROM identities WHERE customer_id = $1 AND id = $2 RETURNING 1"


class PostgresSigningKeys:
    """Implements tekana.ports.sign_in_store.SigningKeys."""

    def __init__(self, pool: ConnectionPool, chains: Chains) -> None:
        self._pool = pool
        self._chains = chains

    async def list(self) -> Sequence[SigningKey]:
        async with raw_connection(self._pool) as connection:
            return [SigningKey(**row) for row in await connection.fetch(_LIST_KEYS)]

    async def add(self, key: SigningKey, entry: AuditEntry) -> None:
        async with raw_connection(self._pool) as connection, audited_transaction(connection, self._chains) as entries:
            if await connection.fetchval(_ADD_KEY, *astuple(key)) is not None:
                entries.append(entry)

    async def remove(self, period: int) -> None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_REMOVE_KEYS, period)


class PostgresIdentities:
    """Implements tekana.ports.sign_in_store.Identities."""

    def __init__(self, pool: ConnectionPool, chains: Chains) -> None:
        self._pool = pool
        self._chains = chains

    async def find(self, tenant: str, issuer: str, subject: str) -> CustomerId | None:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_FIND, tenant, issuer, subject)
        return None if row is None else row["customer_id"]

    async def list(self, customer_id: CustomerId) -> Sequence[Identity]:
        async with raw_connection(self._pool) as connection:
            return [Identity(**row) for row in await connection.fetch(IDENTITIES_OF, customer_id)]

    async def add(self, identity: Identity, entry: AuditEntry) -> Identity:
        async with raw_connection(self._pool) as connection, audited_transaction(connection, self._chains) as entries:
            if await connection.fetchval(_ADD, *astuple(identity)) is not None:
                entries.append(entry)
                return identity
            row = await connection.fetchrow(_FIND, identity.tenant, identity.issuer, identity.subject)
        return identity if row is None else Identity(**row)  # None: it was removed in between

    async def remove(self, customer_id: CustomerId, identity_id: UUID, entry: AuditEntry) -> bool:
        async with raw_connection(self._pool) as connection, audited_transaction(connection, self._chains) as entries:
            if await connection.fetchval(_REMOVE, customer_id, identity_id) is None:
                return False
            entries.append(entry)
        return True
