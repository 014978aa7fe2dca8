"""What is held about a customer beside their profile and their money."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.audit_log import AuditEntry, disclosed
from tekana.domain.caller import CUSTOMER_SUBJECT, Caller
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.policy import access_of
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import (
    ABOUT_FIELDS,
    NO_SIGN_IN,
    ApprovalAbout,
    SignInData,
    SignInSession,
    StoredAnswer,
)
from tekana_postgres.audit_log import AUDIT_COLUMNS, entry_of
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.customer_data import answer_place
from tekana_postgres.pages import id_cursor, page_of
from tekana_postgres.rows import record_of
from tekana_postgres.sign_in_keys import IDENTITIES_OF

_HAS_ACCESS = """
SELECT FROM customers WHERE id = $1 AND tenant = coalesce($2, tenant) AND id = coalesce($3, id)
"""
_CREDENTIAL = "SELECT changed_at, attempts, attempted_at, locked_until FROM credentials WHERE customer_id = $1"
_SESSIONS = """
SELECT created_at, rotated_at, ended FROM refresh_families WHERE customer_id = $1 ORDER BY created_at, id
"""
_CODES = "SELECT created_at FROM one_time_codes WHERE customer_id = $1 ORDER BY created_at"
_WALLETS = "SELECT id FROM wallets WHERE customer_id = $1"
_AFTER = "id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')"
# Each part is read in the order of its index, and no further than the page. The limit and the subject, which has an id
# only, are literals: a generic plan would assume a tenth of the table, and that each subject has many entries.
_ENTRIES = f"""
SELECT {AUDIT_COLUMNS} FROM (
    (SELECT {AUDIT_COLUMNS} FROM audit_log WHERE subject = '{{subject}}' AND {_AFTER} ORDER BY id LIMIT {{limit}})
    UNION ALL
    SELECT entry.* FROM unnest($1::uuid[]) about, LATERAL (
        SELECT {AUDIT_COLUMNS} FROM audit_log
        WHERE resource_id = about AND subject <> '{{subject}}' AND {_AFTER} ORDER BY id LIMIT {{limit}}
    ) entry
) entries ORDER BY id LIMIT {{limit}}
"""

_SHOWN_STATUS = "CASE WHEN status = 'pending' AND expires_at <= coalesce($4, now()) THEN 'expired' ELSE status END"
_COLUMNS = ", ".join(_SHOWN_STATUS if name == "status" else name for name in ApprovalAbout._fields)
_NAMED = ", ".join(f"data::json ->> '{name}'" for name in ABOUT_FIELDS)
_APPROVALS = f"""
SELECT {_COLUMNS} FROM approvals
WHERE {_AFTER} AND (coalesce({_NAMED})::uuid = ANY($1) OR (asker::json ->> 'customer_id')::uuid = $3)
ORDER BY id LIMIT $5
"""
_ANSWERS = """
SELECT a.key_digest, a.encrypted, d.key FROM customer_answers a JOIN customer_details d ON d.id = a.customer_id
WHERE a.customer_id = $1 AND d.key IS NOT NULL AND ($2::uuid IS NULL OR a.key_digest > $2)
ORDER BY a.key_digest LIMIT $3
"""


class PostgresPersonalData:
    """Implements tekana.ports.personal_data.PersonalData. Never reads from a replica, which may lag behind."""

    def __init__(self, pool: ConnectionPool, vault: CustomerVault, clock: Clock | None, caller: Caller) -> None:
        self._pool = pool
        self._vault = vault
        self._clock = clock
        self._access = access_of(caller)

    async def sign_in(self, customer_id: CustomerId) -> SignInData:
        async with raw_connection(self._pool) as connection:
            await self._require_access(connection, customer_id)
            credential = await connection.fetchrow(_CREDENTIAL, customer_id)
            known = NO_SIGN_IN if credential is None else SignInData(*credential)
            return known._replace(
                sessions=tuple([SignInSession(*row) for row in await connection.fetch(_SESSIONS, customer_id)]),
                codes_sent_at=tuple([row["created_at"] for row in await connection.fetch(_CODES, customer_id)]),
                identities=tuple([Identity(**row) for row in await connection.fetch(IDENTITIES_OF, customer_id)]),
            )

    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        after = id_cursor(page)
        query = _ENTRIES.format(limit=page.limit + 1, subject=f"{CUSTOMER_SUBJECT}{UUID(str(customer_id))}")
        async with raw_connection(self._pool) as connection:
            await self._require_access(connection, customer_id)
            about = [customer_id, *(row["id"] for row in await connection.fetch(_WALLETS, customer_id))]
            rows = await connection.fetch(query, about, after)
        return page_of([disclosed(entry_of(row), customer_id) for row in rows], page, lambda one: str(one.id))

    async def approvals(self, customer_id: CustomerId, page: PageRequest) -> Page[ApprovalAbout]:
        after, now = id_cursor(page), None if self._clock is None else self._clock()
        async with raw_connection(self._pool) as connection:
            await self._require_access(connection, customer_id)
            about = [customer_id, *(row["id"] for row in await connection.fetch(_WALLETS, customer_id))]
            rows = await connection.fetch(_APPROVALS, about, after, customer_id, now, page.limit + 1)
        return page_of([ApprovalAbout(*row) for row in rows], page, lambda one: str(one.id))

    async def answers(self, customer_id: CustomerId, page: PageRequest) -> Page[StoredAnswer]:
        after = id_cursor(page)
        async with raw_connection(self._pool) as connection:
            await self._require_access(connection, customer_id)
            rows = await connection.fetch(_ANSWERS, customer_id, after, page.limit + 1)
        read = page_of(rows, page, lambda row: str(row["key_digest"]))
        return Page(tuple([await self._answer(customer_id, row) for row in read.items]), read.next_cursor)

    async def _answer(self, customer_id: CustomerId, row: asyncpg.Record) -> StoredAnswer:
        place = answer_place(row["key_digest"].hex)
        text = await self._vault.decrypt_text(row["key"], customer_id, row["encrypted"], place)
        return cast("StoredAnswer", record_of(0, None, text).answer)

    async def _require_access(self, connection: asyncpg.Connection, customer_id: CustomerId) -> None:
        if await connection.fetchrow(_HAS_ACCESS, customer_id, *self._access) is None:
            raise CustomerNotFound(f"no customer has the id {customer_id}")
