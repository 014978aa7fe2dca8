"""Webhook endpoints. The row of a deleted one stays, and no query returns it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from tekana.domain.errors import WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import ConfiguredWebhook, WebhookEndpoint
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhook_endpoints import RELAY, ActiveWebhookEndpoint, NewWebhookEndpoint, WebhookClaim
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import LARGEST_PLACE, id_cursor, page_of
from tekana_postgres.rows import answer_json, key_digest

_COLUMNS = (
    "id, url, description, event_types, secret, previous_secret, previous_secret_until, status, disabled_reason, "
    "failing_since, created_by, created_at, updated_at"
)
# Each statement takes the time as a parameter; NULL means the database's.
_ADD = f"""
INSERT INTO webhook_endpoints
    (id, url, description, event_types, secret, status, created_by, created_at, updated_at)
VALUES ($2, $3, $4, $5, $6, 'active', $7, coalesce($1, now()), coalesce($1, now())) RETURNING {_COLUMNS}
"""
_OWN = "id = $1 AND created_by = $2 AND status <> 'deleted'"
_GET = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE {_OWN}"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_LIST = f"""
SELECT {_COLUMNS} FROM webhook_endpoints WHERE created_by = $1 AND status <> 'deleted' AND ($2::uuid IS NULL OR id > $2)
ORDER BY id LIMIT $3
"""
_ACTIVE = """
SELECT id, event_types, failing_since IS NOT NULL AS failing FROM webhook_endpoints WHERE status = 'active' ORDER BY id
"""
_FIND_ACTIVE = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE id = ANY($1::uuid[]) AND status = 'active'"
_CHANGE = f"""
UPDATE webhook_endpoints SET url = $3, description = $4, event_types = $5, status = $6, disabled_reason = $7,
    failing_since = $8, updated_at = coalesce($9, now())
WHERE {_OWN} RETURNING {_COLUMNS}
"""
_ROTATE = f"""
UPDATE webhook_endpoints SET previous_secret = secret, previous_secret_until = coalesce($5, now()) + $4, secret = $3,
    updated_at = coalesce($5, now())
WHERE {_OWN} RETURNING {_COLUMNS}
"""
_DELETE = f"""
UPDATE webhook_endpoints SET status = 'deleted', disabled_reason = NULL, updated_at = coalesce($3, now())
WHERE {_OWN} RETURNING 1
"""
_DISABLE = """
UPDATE webhook_endpoints SET status = 'disabled', disabled_reason = $2, updated_at = coalesce($3, now())
WHERE id = $1 AND status = 'active' RETURNING 1
"""

_CLAIM = "INSERT INTO idempotency_keys (key_digest, fingerprint, answer) VALUES ($1, $2, $3)"

_KNOW_RELAY = "INSERT INTO relays (name) VALUES ($1) ON CONFLICT DO NOTHING"
_HOLD_RELAY = "SELECT 1 FROM relays WHERE name = $1 FOR UPDATE"
_ANY_ACTIVE = "SELECT EXISTS (SELECT FROM webhook_endpoints WHERE status = 'active')"
_SETTLED_POSITION = "SELECT tekana_settled_position()"
_BEGIN_AFTER = """
UPDATE relays SET cursor = $2, epoch = epoch + 1, holder = NULL, expires_at = NULL WHERE name = $1
"""


class PostgresWebhookEndpoints:
    """Implements tekana.ports.webhook_endpoints.WebhookEndpoints."""

    def __init__(self, pool: ConnectionPool, background: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._background = background
        self._now: Callable[[], datetime | None] = clock or (lambda: None)

    async def add(self, caller: str, new: NewWebhookEndpoint, claim: WebhookClaim | None = None) -> WebhookEndpoint:
        async with self._transaction() as connection:
            await _take(connection, claim, new.id)
            await _begin_where_the_feed_ends(connection)
            return _endpoint(await connection.fetchrow(_ADD, self._now(), *new, caller))

    async def get(self, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        async with raw_connection(self._pool) as connection:
            return _found(await connection.fetchrow(_GET, endpoint_id, caller), endpoint_id)

    async def list(self, caller: str, page: PageRequest) -> Page[WebhookEndpoint]:
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(_LIST, caller, id_cursor(page), page.limit + 1)
        return page_of([_endpoint(row) for row in rows], page, lambda one: str(one.id))

    async def change(
        self, caller: str, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        async with self._transaction() as connection:
            if changes.get("status") == "active":  # before the endpoint is locked, as in every transaction
                await _hold_relay(connection)
            before = _found(await connection.fetchrow(_LOCK, endpoint_id, caller), endpoint_id)
            values = {name: getattr(before, name) for name in _CHANGEABLE} | dict(changes)
            if changes.get("status") == "active" and before.status == "disabled":
                values |= {"disabled_reason": None, "failing_since": None}
                await _begin_where_the_feed_ends(connection)
            changed = [values[name] for name in _CHANGEABLE]
            row = await connection.fetchrow(_CHANGE, endpoint_id, caller, *changed, self._now())
            return _found(row, endpoint_id)

    async def rotate_secret(
        self,
        caller: str,
        endpoint_id: WebhookEndpointId,
        secret: str,
        overlap: timedelta,
        claim: WebhookClaim | None = None,
    ) -> WebhookEndpoint:
        async with self._transaction() as connection:
            await _take(connection, claim, endpoint_id)
            row = await connection.fetchrow(_ROTATE, endpoint_id, caller, secret, overlap, self._now())
            return _found(row, endpoint_id)

    async def delete(self, caller: str, endpoint_id: WebhookEndpointId) -> None:
        async with raw_connection(self._pool) as connection:
            if await connection.fetchval(_DELETE, endpoint_id, caller, self._now()) is None:
                raise not_found(endpoint_id)

    async def active(self) -> Sequence[ActiveWebhookEndpoint]:
        async with raw_connection(self._background) as connection:
            return [ActiveWebhookEndpoint(**_values(row)) for row in await connection.fetch(_ACTIVE)]

    async def find_active(self, endpoint_ids: Collection[WebhookEndpointId]) -> Sequence[WebhookEndpoint]:
        async with raw_connection(self._background) as connection:
            return [_endpoint(row) for row in await connection.fetch(_FIND_ACTIVE, list(endpoint_ids))]

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        async with raw_connection(self._background) as connection:
            return await connection.fetchval(_DISABLE, endpoint_id, reason, self._now()) is not None

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with raw_connection(self._pool) as connection, connection.transaction():
            yield connection


_CHANGEABLE = ("url", "description", "event_types", "status", "disabled_reason", "failing_since")


def not_found(endpoint_id: WebhookEndpointId) -> WebhookEndpointNotFound:
    """Return the error for an endpoint that the caller does not have."""
    return WebhookEndpointNotFound(f"no webhook endpoint has the id {endpoint_id}")


def _found(row: asyncpg.Record | None, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
    if row is None:
        raise not_found(endpoint_id)
    return _endpoint(row)


def _endpoint(row: asyncpg.Record) -> WebhookEndpoint:
    return WebhookEndpoint(**_values(row))


def _values(row: asyncpg.Record) -> dict[str, Any]:
    values = dict(row)
    if values["event_types"] is not None:
        values["event_types"] = tuple(values["event_types"])
    return values


async def _take(connection: asyncpg.Connection, claim: WebhookClaim | None, endpoint_id: WebhookEndpointId) -> None:
    """Keep the key. Wait for another transaction that keeps the same one at this moment, then fail with a Conflict."""
    if claim is not None:
        answer = answer_json(ConfiguredWebhook(endpoint_id))
        await connection.execute(_CLAIM, key_digest(claim.key), claim.fingerprint, answer)


async def _hold_relay(connection: asyncpg.Connection) -> None:
    """Lock the relay's row, so that endpoints become active one at a time and each sees those before it."""
    await connection.execute(_KNOW_RELAY, RELAY)
    await connection.execute(_HOLD_RELAY, RELAY)


async def _begin_where_the_feed_ends(connection: asyncpg.Connection) -> None:
    """Move the relay to the end of the feed, unless another endpoint is active, for which it already runs."""
    await _hold_relay(connection)
    if not await connection.fetchval(_ANY_ACTIVE):
        settled = await connection.fetchval(_SETTLED_POSITION)
        await connection.execute(_BEGIN_AFTER, RELAY, f"{settled}.{LARGEST_PLACE}" if settled else None)
