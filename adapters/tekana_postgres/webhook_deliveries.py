"""Deliveries to webhook endpoints: the queue, and the log.

A line has a row while any of its deliveries is pending. Whoever adds to a line, and whoever ends one, locks that row,
and the latter before it looks: so what is added meanwhile is seen by one of the two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import asyncpg
import msgspec

from tekana.domain.errors import WebhookDeliveryNotFound
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, WebhookDelivery
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhooks import ATTEMPTS_MAX, DeliveryOutcome, NewWebhookDelivery
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import id_cursor, page_of
from tekana_postgres.rows import write_json
from tekana_postgres.webhook_endpoints import not_found

_FORGET_AT_ONCE = 5_000

_COLUMNS = (
    "d.id, d.endpoint_id, d.aggregate_id, d.sequence, d.event_id, d.event_type, d.body, d.status, d.tries, d.attempts, "
    "d.created_at, d.ended_at"
)
# Each takes the moment from outside, or the database's.
_QUEUE = """
WITH added AS (
    INSERT INTO webhook_deliveries (id, endpoint_id, aggregate_id, sequence, event_id, event_type, body, status, tries,
        attempts, created_at)
    SELECT d.*, 'pending', 0, '[]', coalesce($1, clock_timestamp())
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::text[], $8::text[]) d
    ON CONFLICT (endpoint_id, aggregate_id, sequence) DO NOTHING RETURNING endpoint_id, aggregate_id
)
INSERT INTO webhook_lines (endpoint_id, aggregate_id, next_attempt_at)
SELECT DISTINCT endpoint_id, aggregate_id, coalesce($1, now()) FROM added ORDER BY 1, 2
ON CONFLICT (endpoint_id, aggregate_id) DO UPDATE SET claimed = webhook_lines.claimed
"""
_CLAIM = """
UPDATE webhook_lines w SET claimed = true, next_attempt_at = coalesce($1, now()) + $4 * interval '1 second'
FROM unnest($2::uuid[], $3::int[]) r (endpoint_id, room) CROSS JOIN LATERAL (
    SELECT endpoint_id, aggregate_id FROM webhook_lines l
    WHERE l.endpoint_id = r.endpoint_id AND l.next_attempt_at <= coalesce($1, now())
    ORDER BY l.next_attempt_at LIMIT r.room FOR NO KEY UPDATE SKIP LOCKED
) due
WHERE w.endpoint_id = due.endpoint_id AND w.aggregate_id = due.aggregate_id
RETURNING w.endpoint_id, w.aggregate_id
"""
_FIRST_OF_LINES = f"""
SELECT {_COLUMNS} FROM unnest($1::uuid[], $2::uuid[]) l (endpoint_id, aggregate_id) CROSS JOIN LATERAL (
    SELECT * FROM webhook_deliveries p
    WHERE p.endpoint_id = l.endpoint_id AND p.aggregate_id = l.aggregate_id AND p.status = 'pending'
    ORDER BY p.sequence LIMIT 1
) d
"""
_HOLD_LINE = "SELECT 1 FROM webhook_lines WHERE endpoint_id = $1 AND aggregate_id = $2 FOR UPDATE"
_NOTE = """
UPDATE webhook_deliveries SET status = $2, tries = $3, attempts = $4,
    ended_at = CASE WHEN $2 <> 'pending' THEN coalesce($5, now()) END
WHERE id = $1 AND status = 'pending'
"""
_END_LINE = """
DELETE FROM webhook_lines WHERE endpoint_id = $1 AND aggregate_id = $2 AND NOT EXISTS (
    SELECT FROM webhook_deliveries WHERE endpoint_id = $1 AND aggregate_id = $2 AND status = 'pending')
"""
_FREE_LINE = """
UPDATE webhook_lines SET claimed = false, next_attempt_at = coalesce($3, now()) + $4
WHERE endpoint_id = $1 AND aggregate_id = $2
"""
_SUCCEEDED = "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL"
_FAILED = """
UPDATE webhook_endpoints SET failing_since = coalesce($2, now()) WHERE id = $1 AND failing_since IS NULL
"""
_FAILING_FOR = "SELECT coalesce($2, now()) - failing_since FROM webhook_endpoints WHERE id = $1"
_OWNED = "JOIN webhook_endpoints e ON e.id = d.endpoint_id AND e.status <> 'deleted'"
_GET = f"SELECT {_COLUMNS} FROM webhook_deliveries d {_OWNED} WHERE d.id = $1 AND e.created_by = $2"
_OWNS = "SELECT 1 FROM webhook_endpoints WHERE id = $1 AND created_by = $2 AND status <> 'deleted'"
_LIST = f"""
SELECT {_COLUMNS} FROM webhook_deliveries d WHERE d.endpoint_id = $1 AND ($2::uuid IS NULL OR d.id < $2)
ORDER BY d.id DESC LIMIT $3
"""
_ASK_LINE = """
INSERT INTO webhook_lines AS l (endpoint_id, aggregate_id, next_attempt_at) VALUES ($1, $2, coalesce($3, now()))
ON CONFLICT (endpoint_id, aggregate_id) DO UPDATE SET next_attempt_at =
    CASE WHEN l.claimed THEN l.next_attempt_at ELSE excluded.next_attempt_at END
"""
_ASK = f"""
UPDATE webhook_deliveries d SET status = 'pending', tries = 0, ended_at = NULL WHERE id = $1 RETURNING {_COLUMNS}
"""
_FORGET_ENDED = f"""
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE ended_at < coalesce($1, now()) - $2::interval LIMIT {_FORGET_AT_ONCE})
"""
_FORGET_LINES = """
DELETE FROM webhook_lines WHERE endpoint_id IN (SELECT id FROM webhook_endpoints WHERE status = 'deleted')
"""
_FORGET_DELETED = f"""
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT d.id FROM webhook_endpoints e JOIN webhook_deliveries d ON d.endpoint_id = e.id
    WHERE e.status = 'deleted' LIMIT {_FORGET_AT_ONCE})
"""


class PostgresWebhookDeliveries:
    """Implements tekana.ports.webhooks.WebhookDeliveries."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._now: Callable[[], datetime | None] = clock or (lambda: None)

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_QUEUE, self._now(), *zip(*new, strict=True))

    async def claim(self, room: Mapping[WebhookEndpointId, int], seconds: float) -> Sequence[WebhookDelivery]:
        async with self._transaction() as connection:
            lines = await connection.fetch(_CLAIM, self._now(), list(room), list(room.values()), seconds)
            if not lines:
                return ()
            endpoints, aggregates = zip(*lines, strict=True)
            return [_delivery(row) for row in await connection.fetch(_FIRST_OF_LINES, endpoints, aggregates)]

    async def record(self, delivery: WebhookDelivery, attempt: DeliveryAttempt, verdict: DeliveryOutcome) -> timedelta:
        line, now = (delivery.endpoint_id, delivery.aggregate_id), self._now()
        retry_in, status = (verdict, "pending") if isinstance(verdict, timedelta) else (timedelta(0), verdict)
        attempts = write_json((*delivery.attempts, attempt)[-ATTEMPTS_MAX:])
        async with self._transaction() as connection:
            await connection.execute(_HOLD_LINE, *line)
            await connection.execute(_NOTE, delivery.id, status, delivery.tries + 1, attempts, now)
            if await connection.execute(_END_LINE, *line) == "DELETE 0":
                await connection.execute(_FREE_LINE, *line, now, retry_in)
            if attempt.succeeded:
                await connection.execute(_SUCCEEDED, delivery.endpoint_id)
                return timedelta(0)
            await connection.execute(_FAILED, delivery.endpoint_id, now)
            failing_for: timedelta | None = await connection.fetchval(_FAILING_FOR, delivery.endpoint_id, now)
            return failing_for or timedelta(0)

    async def get(self, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        async with raw_connection(self._pool) as connection:
            return await _get(connection, caller, delivery_id)

    async def list(self, caller: str, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        async with raw_connection(self._pool) as connection:
            if await connection.fetchval(_OWNS, endpoint_id, caller) is None:
                raise not_found(endpoint_id)
            rows = await connection.fetch(_LIST, endpoint_id, id_cursor(page), page.limit + 1)
        return page_of([_delivery(row) for row in rows], page, lambda one: str(one.id))

    async def request_retry(self, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        async with self._transaction() as connection:
            asked = await _get(connection, caller, delivery_id)
            await connection.execute(_ASK_LINE, asked.endpoint_id, asked.aggregate_id, self._now())
            return _delivery(await connection.fetchrow(_ASK, delivery_id))

    async def purge(self, older_than: timedelta) -> int:
        async with raw_connection(self._pool) as connection:
            ended = await connection.execute(_FORGET_ENDED, self._now(), older_than)
            await connection.execute(_FORGET_LINES)
            deleted = await connection.execute(_FORGET_DELETED)
        return sum(int(status.rpartition(" ")[2]) for status in (ended, deleted))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with raw_connection(self._pool) as connection, connection.transaction():
            yield connection


async def _get(connection: asyncpg.Connection, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
    row = await connection.fetchrow(_GET, delivery_id, caller)
    if row is None:
        raise WebhookDeliveryNotFound(f"no webhook delivery has the id {delivery_id}")
    return _delivery(row)


def _delivery(row: asyncpg.Record) -> WebhookDelivery:
    attempts = msgspec.json.decode(row["attempts"], type=tuple[DeliveryAttempt, ...])
    return WebhookDelivery(**{**row, "attempts": attempts})
