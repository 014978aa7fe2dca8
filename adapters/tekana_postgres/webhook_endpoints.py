"""Webhook endpoints, as they are read. The row of a deleted one stays, and no query here returns it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.policy import access_of
from tekana.domain.webhooks import WebhookEndpoint, endpoint_not_found
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhook_endpoints import ENCRYPTED, ActiveWebhookEndpoint, StoredSecrets
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import id_cursor, page_of

ENDPOINT_COLUMNS = (
    *("id", "tenant", "url", "description", "event_types", "secret", "previous_secret", "previous_secret_until"),
    *("status", "disabled_reason", "failing_since", "created_by", "created_at", "updated_at"),
)
_COLUMNS = ", ".join(ENDPOINT_COLUMNS)
_ACCESSIBLE = "status <> 'deleted' AND ($1::text IS NULL OR tenant = $1)"
_GET = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE {_ACCESSIBLE} AND id = $2"
_LIST = f"""
SELECT {_COLUMNS} FROM webhook_endpoints WHERE {_ACCESSIBLE} AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
_ACTIVE = """
SELECT id, tenant, event_types, failing_since IS NOT NULL AS failing
FROM webhook_endpoints WHERE status = 'active' ORDER BY id
"""
_FIND_ACTIVE = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE id = ANY($1::uuid[]) AND status = 'active'"
_STORED_SECRETS = """
SELECT id, secret, previous_secret FROM webhook_endpoints
WHERE starts_with(secret, $1) = $2 OR starts_with(previous_secret, $1) = $2 ORDER BY id
"""
_REPLACE_SECRETS = """
UPDATE webhook_endpoints SET secret = $4, previous_secret = $5
WHERE id = $1 AND secret = $2 AND previous_secret IS NOT DISTINCT FROM $3 RETURNING 1
"""
# It takes the time as a parameter; NULL means the database's.
_DISABLE = """
UPDATE webhook_endpoints SET status = 'disabled', disabled_reason = $2, updated_at = coalesce($3, now())
WHERE id = $1 AND status = 'active' RETURNING 1
"""


class PostgresWebhookEndpoints:
    """Implements tekana.ports.webhook_endpoints.WebhookEndpoints."""

    def __init__(self, pool: ConnectionPool, background: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._background = background
        self._now: Callable[[], datetime | None] = clock or (lambda: None)

    async def get(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_GET, access_of(caller).tenant, endpoint_id)
        if row is None:
            raise endpoint_not_found(endpoint_id)
        return endpoint_of(row)

    async def list(self, caller: Caller, page: PageRequest) -> Page[WebhookEndpoint]:
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(_LIST, access_of(caller).tenant, id_cursor(page), page.limit + 1)
        return page_of([endpoint_of(row) for row in rows], page, lambda one: str(one.id))

    async def active(self) -> Sequence[ActiveWebhookEndpoint]:
        async with raw_connection(self._background) as connection:
            return [ActiveWebhookEndpoint(**_values(row)) for row in await connection.fetch(_ACTIVE)]

    async def find_active(self, endpoint_ids: Collection[WebhookEndpointId]) -> Sequence[WebhookEndpoint]:
        async with raw_connection(self._background) as connection:
            return [endpoint_of(row) for row in await connection.fetch(_FIND_ACTIVE, list(endpoint_ids))]

    async def stored_secrets(self, *, encrypted: bool) -> Sequence[StoredSecrets]:
        async with raw_connection(self._background) as connection:
            return [StoredSecrets(*row) for row in await connection.fetch(_STORED_SECRETS, ENCRYPTED, encrypted)]

    async def replace_secrets(self, before: StoredSecrets, after: StoredSecrets) -> bool:
        async with raw_connection(self._background) as connection:
            return await connection.fetchval(_REPLACE_SECRETS, *before, *after[1:]) is not None

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        async with raw_connection(self._background) as connection:
            return await connection.fetchval(_DISABLE, endpoint_id, reason, self._now()) is not None


def endpoint_of(row: asyncpg.Record) -> WebhookEndpoint:
    """Read a row of `webhook_endpoints` with ENDPOINT_COLUMNS."""
    values = _values(row)
    if values["status"] == "deleted":
        values |= {"status": "disabled", "deleted": True}
    return WebhookEndpoint(**values)


def _values(row: asyncpg.Record) -> dict[str, Any]:
    values = dict(row)
    if values["event_types"] is not None:
        values["event_types"] = tuple(values["event_types"])
    return values
