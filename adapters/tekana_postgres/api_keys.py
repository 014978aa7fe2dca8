"""API keys: the reader, and the credentials. Neither reads from a replica, which may lag behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import asyncpg

from tekana.domain.api_keys import ApiKey, api_key_not_found
from tekana.domain.caller import Caller
from tekana.domain.identifiers import ApiKeyId
from tekana.domain.policy import access_of
from tekana.ports.clock import Clock
from tekana.ports.credentials import USE_RECORDED_EVERY, KnownKey
from tekana.ports.page import Page, PageRequest
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import id_cursor, page_of

API_KEY_COLUMNS = (
    *("id", "tenant", "name", "kind", "scopes", "subject", "secret_hash", "previous_secret_hash", "previous_until"),
    *("expires_at", "revoked_at", "created_by", "created_at", "updated_at", "last_used_at"),
)
_COLUMNS = ", ".join(API_KEY_COLUMNS)
# As tekana.domain.policy.can_manage_key says: $1 is the tenant or NULL for all; $2 includes the keys of operators.
_MANAGED = "($1::text IS NULL OR tenant = $1) AND (kind = 'partner' OR $2)"
_GET = f"SELECT {_COLUMNS} FROM api_keys WHERE {_MANAGED} AND id = $3"
_LIST = f"""
SELECT {_COLUMNS} FROM api_keys WHERE {_MANAGED} AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4
"""
# They take the time as a parameter; NULL means the database's.
_FIND = f"SELECT {_COLUMNS}, coalesce($2, now()) AS at FROM api_keys WHERE id = $1"
_RECORD_USE = """
UPDATE api_keys SET last_used_at = coalesce($2, now())
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= coalesce($2, now()) - $3::interval)
"""


class PostgresApiKeys:
    """Implements tekana.ports.api_keys.ApiKeys."""

    def __init__(self, pool: ConnectionPool, caller: Caller) -> None:
        self._pool = pool
        self._managed = (access_of(caller).tenant, caller.kind == "operator")

    async def get(self, key_id: ApiKeyId) -> ApiKey:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_GET, *self._managed, key_id)
        if row is None:
            raise api_key_not_found(key_id)
        return api_key_of(row).without_hashes()

    async def list(self, page: PageRequest) -> Page[ApiKey]:
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(_LIST, *self._managed, id_cursor(page), page.limit + 1)
        return page_of([api_key_of(row).without_hashes() for row in rows], page, lambda one: str(one.id))


class PostgresCredentials:
    """Implements tekana.ports.credentials.Credentials."""

    def __init__(self, pool: ConnectionPool, background: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._background = background
        self._now: Callable[[], datetime | None] = clock or (lambda: None)

    async def find(self, key_id: ApiKeyId) -> KnownKey | None:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_FIND, key_id, self._now())
        return None if row is None else KnownKey(api_key_of(row), row["at"])

    async def record_use(self, key_id: ApiKeyId) -> None:
        async with raw_connection(self._background) as connection:
            await connection.execute(_RECORD_USE, key_id, self._now(), USE_RECORDED_EVERY)


def api_key_of(row: asyncpg.Record) -> ApiKey:
    """Read a row of `api_keys` with API_KEY_COLUMNS."""
    values = {name: row[name] for name in API_KEY_COLUMNS}
    return ApiKey(**{**values, "scopes": tuple(values["scopes"])})
