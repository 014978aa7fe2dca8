"""What customers sign in with: credentials, refresh families and one-time codes. Always on the primary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.audit_log import AuditEntry
from tekana.domain.credentials import CODES_MAX, CODES_WINDOW, Credential, OneTimeCode
from tekana.domain.customer import Contact
from tekana.domain.identifiers import CustomerId
from tekana.domain.refresh_families import FAMILIES_MAX, IDLE_LIFETIME, LONGEST_LIFETIME, RefreshFamily
from tekana.ports.sign_in_store import Account
from tekana_postgres.audit_log import audited_transaction
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.customer_data import INDEX_COLUMNS
from tekana_postgres.history_links import Chains

RowT = TypeVar("RowT", Credential, RefreshFamily, OneTimeCode)


class _Rows:
    """The statements for a table whose columns are the fields of a class, of which the first is the key."""

    def __init__(self, table: str, kind: type[Any]) -> None:
        self.names = tuple(one.name for one in fields(kind))
        key, *others = self.names
        places = ", ".join(f"${number}" for number in range(1, len(self.names) + 1))
        changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(others, 2))
        self.columns = ", ".join(self.names)
        self.values = attrgetter(*self.names)
        self.lock = f"SELECT {self.columns} FROM {table} WHERE {key} = $1 FOR NO KEY UPDATE"
        self.change = f"UPDATE {table} SET {changes} WHERE {key} = $1"
        self.add = f"INSERT INTO {table} ({self.columns}) VALUES ({places})"
        self.add_or_change = f"{self.add} ON CONFLICT ({key}) DO UPDATE SET {changes}"


_CREDENTIALS = _Rows("credentials", Credential)
_FAMILIES = _Rows("refresh_families", RefreshFamily)
_CODES = _Rows("one_time_codes", OneTimeCode)

_FIND = f"""
SELECT c.tenant AS customer_tenant, c.status = 'active' AS active, {", ".join(f"k.{n}" for n in _CREDENTIALS.names)}
FROM customers c LEFT JOIN credentials k ON k.customer_id = c.id WHERE c.id = $1
"""
_OWNER_OF = "SELECT id FROM customer_details WHERE {column} = $1 AND tenant = $2 AND NOT closed"
_OWNER = {field: _OWNER_OF.format(column=column) for field, column in INDEX_COLUMNS.items()}
END_FAMILIES = "UPDATE refresh_families SET ended = true WHERE customer_id = ANY($1) AND NOT ended"
# Who suspends the customer or replaces the credential waits for the new family, and ends it, or was first.
_LOCK_ACCOUNT = """
SELECT 1 FROM customers c JOIN credentials k ON k.customer_id = c.id
WHERE c.id = $1 AND c.status = 'active' AND k.changed_at = $2 FOR SHARE
"""
_LOCK_COMPARED = "SELECT 1 FROM credentials WHERE customer_id = $1 AND changed_at = $2 FOR NO KEY UPDATE"
_TAKE_CODE = "DELETE FROM one_time_codes WHERE id = $1 AND customer_id = $2 RETURNING 1"
_DROP_CODES = "DELETE FROM one_time_codes WHERE customer_id = $1"
_DROP_FAMILIES = """
DELETE FROM refresh_families WHERE customer_id = $1 AND (
    ended OR rotated_at + $2 <= $4 OR created_at + $3 <= $4 OR id IN (
        SELECT id FROM refresh_families WHERE customer_id = $1 AND NOT ended ORDER BY rotated_at DESC OFFSET $5
    )
)
"""
# One at a time for each customer: codes that are requested at once are counted, and of new credentials at once, none
# waits for a code that another one uses.
_LOCK_CUSTOMER = "SELECT pg_advisory_xact_lock(hashtextextended('one_time_codes ' || $1::text, 0))"
_DROP_OLD_CODES = "DELETE FROM one_time_codes WHERE customer_id = $1 AND created_at <= $2"
_COUNT_CODES = "SELECT count(*) FROM one_time_codes WHERE customer_id = $1"


class PostgresCustomerCredentials:
    """Implements tekana.ports.sign_in_store.CustomerCredentials."""

    def __init__(self, pool: ConnectionPool, chains: Chains, vault: CustomerVault) -> None:
        self._pool = pool
        self._chains = chains
        self._vault = vault

    async def owner_of(self, contact: Contact, tenant: str) -> CustomerId | None:
        index = await self._vault.index(contact)
        async with raw_connection(self._pool) as connection:
            owner: CustomerId | None = await connection.fetchval(_OWNER[contact.field], index, tenant)
        return owner

    async def find(self, customer_id: CustomerId) -> Account | None:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_FIND, customer_id)
        if row is None:
            return None
        values = {name: row[name] for name in _CREDENTIALS.names}
        credential = None if row["password_hash"] is None else Credential(**values)
        return Account(row["customer_tenant"], row["active"], credential)

    async def update(self, customer_id: CustomerId, change: Callable[[Credential], Credential]) -> Credential | None:
        return await _update(self._pool, self._chains, _CREDENTIALS, Credential, customer_id, change)

    async def replace(
        self,
        credential: Credential,
        entry: AuditEntry,
        code_id: UUID | None = None,
        compared: Credential | None = None,
    ) -> bool:
        customer_id = credential.customer_id
        async with raw_connection(self._pool) as connection, audited_transaction(connection, self._chains) as entries:
            await connection.execute(_LOCK_CUSTOMER, str(customer_id))
            if compared is not None and await connection.fetchval(_LOCK_COMPARED, *_version(compared)) is None:
                return False
            if code_id is not None and await connection.fetchval(_TAKE_CODE, code_id, customer_id) is None:
                return False
            await connection.execute(_CREDENTIALS.add_or_change, *_CREDENTIALS.values(credential))
            await connection.execute(_DROP_CODES, customer_id)
            await connection.execute(END_FAMILIES, [customer_id])
            entries.append(entry)
        return True


class PostgresRefreshFamilies:
    """Implements tekana.ports.sign_in_store.RefreshFamilies."""

    def __init__(self, pool: ConnectionPool, chains: Chains) -> None:
        self._pool = pool
        self._chains = chains

    async def add(self, family: RefreshFamily, credential: Credential) -> bool:
        dropped = (family.customer_id, IDLE_LIFETIME, LONGEST_LIFETIME, family.created_at, FAMILIES_MAX - 1)
        async with raw_connection(self._pool) as connection, connection.transaction():
            if await connection.fetchval(_LOCK_ACCOUNT, *_version(credential)) is None:
                return False
            await connection.execute(_DROP_FAMILIES, *dropped)
            await connection.execute(_FAMILIES.add, *_FAMILIES.values(family))
        return True

    async def update(
        self,
        family_id: UUID,
        change: Callable[[RefreshFamily], RefreshFamily],
        entry_of_end: Callable[[RefreshFamily], AuditEntry] | None = None,
    ) -> RefreshFamily | None:
        def entry_of(found: RefreshFamily, changed: RefreshFamily) -> AuditEntry | None:
            return entry_of_end(changed) if entry_of_end is not None and changed.ended and not found.ended else None

        return await _update(self._pool, self._chains, _FAMILIES, RefreshFamily, family_id, change, entry_of)


class PostgresOneTimeCodes:
    """Implements tekana.ports.sign_in_store.OneTimeCodes."""

    def __init__(self, pool: ConnectionPool, chains: Chains) -> None:
        self._pool = pool
        self._chains = chains

    async def add(self, code: OneTimeCode, entry: AuditEntry) -> bool:
        async with raw_connection(self._pool) as connection, audited_transaction(connection, self._chains) as entries:
            await connection.execute(_LOCK_CUSTOMER, str(code.customer_id))
            await connection.execute(_DROP_OLD_CODES, code.customer_id, code.created_at - CODES_WINDOW)
            if await connection.fetchval(_COUNT_CODES, code.customer_id) >= CODES_MAX:
                return False
            await connection.execute(_CODES.add, *_CODES.values(code))
            entries.append(entry)
        return True

    async def update(self, code_id: UUID, change: Callable[[OneTimeCode], OneTimeCode]) -> OneTimeCode | None:
        return await _update(self._pool, self._chains, _CODES, OneTimeCode, code_id, change)


def _version(credential: Credential) -> tuple[CustomerId, datetime]:
    """Return what differs between a credential and the one that replaced it: when it was set, with the customer."""
    return credential.customer_id, credential.changed_at


async def _update(
    pool: ConnectionPool,
    chains: Chains,
    rows: _Rows,
    kind: type[RowT],
    key: UUID,
    change: Callable[[RowT], RowT],
    entry_of: Callable[[RowT, RowT], AuditEntry | None] | None = None,
) -> RowT | None:
    async with raw_connection(pool) as connection, audited_transaction(connection, chains) as entries:
        row = await connection.fetchrow(rows.lock, key)
        if row is None:
            return None
        found = kind(**row)
        changed = change(found)
        if changed != found:
            await connection.execute(rows.change, *rows.values(changed))
        if entry_of is not None and (entry := entry_of(found, changed)) is not None:
            entries.append(entry)
        return changed


async def end_families(connection: asyncpg.Connection, customer_ids: Sequence[CustomerId]) -> None:
    """End all refresh families of these customers, in the present transaction."""
    await connection.execute(END_FAMILIES, customer_ids)
