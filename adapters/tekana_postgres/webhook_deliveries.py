"""Deliveries to webhook endpoints: the queue, and the log.

A delivery stream has a row in `webhook_lines` while any of its deliveries is pending. Adding to a stream locks its row,
and so does ending one, before it looks for pending deliveries: so one of the two sees what the other adds. Everything
locks endpoints first, then streams, then deliveries: units of work too.

The dispatcher's statements run on connections of their own, so that they never wait for readers, nor readers for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.policy import access_of
from tekana.domain.webhooks import (
    DeliveryAttempt,
    NewWebhookDelivery,
    WebhookDelivery,
    WebhookStatus,
    delivery_not_found,
    endpoint_not_found,
)
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhook_deliveries import ATTEMPTS_MAX, DeliveryRun, FinishedAttempt, FinishedRun
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import id_cursor, page_of, position_of
from tekana_postgres.rows import write_json

_PURGE_MAX = 5_000

DELIVERY_COLUMNS = (
    *("id", "endpoint_id", "aggregate_id", "sequence", "event_id", "event_type", "body", "status", "tries"),
    *("attempts", "created_at", "ended_at"),
)
_COLUMNS = ", ".join(f"d.{name}" for name in DELIVERY_COLUMNS)
# Each statement takes the time as a parameter; NULL means the database's. What is queued is compared with the state of
# the endpoints at one moment: so an event that was read before an activation is found to be from before it.
_QUEUE = """
WITH added AS (
    INSERT INTO webhook_deliveries (id, endpoint_id, aggregate_id, sequence, event_id, event_type, body, status, tries,
        attempts, created_at)
    SELECT d.id, e.id, d.aggregate_id, d.sequence, d.event_id, d.event_type, d.body,
        'pending', 0, '[]', coalesce($1, clock_timestamp())
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bigint[])
        d (id, endpoint_id, aggregate_id, sequence, event_id, event_type, body, position)
    JOIN webhook_endpoints e ON e.id = d.endpoint_id AND e.status = ANY($10)
        AND NOT coalesce(d.position <@ e.passed, false)
    ON CONFLICT (endpoint_id, aggregate_id, sequence) DO NOTHING RETURNING endpoint_id, aggregate_id
)
INSERT INTO webhook_lines (endpoint_id, aggregate_id, next_attempt_at)
SELECT DISTINCT endpoint_id, aggregate_id, coalesce($1, now()) FROM added ORDER BY 1, 2
ON CONFLICT (endpoint_id, aggregate_id) DO UPDATE SET claimed = webhook_lines.claimed
"""
# The streams that are due, at most so many of each endpoint; those of endpoints with the most capacity left come first.
_CLAIM = """
WITH due AS (
    SELECT s.*, c.capacity - row_number() OVER (PARTITION BY s.endpoint_id ORDER BY s.next_attempt_at) AS remaining
    FROM unnest($2::uuid[], $3::int[]) c (endpoint_id, capacity)
    JOIN webhook_endpoints e ON e.id = c.endpoint_id AND e.status = 'active'
    CROSS JOIN LATERAL (
        SELECT l.endpoint_id, l.aggregate_id, l.next_attempt_at FROM webhook_lines l
        WHERE l.endpoint_id = c.endpoint_id AND l.next_attempt_at <= coalesce($1, now())
        ORDER BY l.next_attempt_at LIMIT c.capacity FOR NO KEY UPDATE SKIP LOCKED
    ) s
), chosen AS (
    SELECT endpoint_id, aggregate_id FROM due ORDER BY remaining DESC, next_attempt_at LIMIT $4
)
UPDATE webhook_lines l SET claimed = true, next_attempt_at = coalesce($1, now()) + $5 * interval '1 second'
FROM chosen WHERE l.endpoint_id = chosen.endpoint_id AND l.aggregate_id = chosen.aggregate_id
RETURNING l.endpoint_id, l.aggregate_id, l.next_attempt_at
"""
_FIRST_OF_STREAMS = f"""
SELECT {_COLUMNS} FROM unnest($1::uuid[], $2::uuid[]) s (endpoint_id, aggregate_id) CROSS JOIN LATERAL (
    SELECT * FROM webhook_deliveries p
    WHERE p.endpoint_id = s.endpoint_id AND p.aggregate_id = s.aggregate_id AND p.status = 'pending'
    ORDER BY p.sequence LIMIT $3
) d
"""
_LOCK_STREAMS = """
SELECT 1 FROM webhook_lines WHERE (endpoint_id, aggregate_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ORDER BY endpoint_id, aggregate_id FOR UPDATE
"""
_RECORD = """
UPDATE webhook_deliveries d SET status = r.status, tries = r.tries, attempts = r.attempts::json,
    ended_at = CASE WHEN r.status <> 'pending' THEN coalesce($1, now()) END
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::text[]) r (id, status, tries, attempts)
WHERE d.id = r.id AND d.status = 'pending'
"""
_END_STREAMS = """
DELETE FROM webhook_lines l USING unnest($1::uuid[], $2::uuid[]) r (endpoint_id, aggregate_id)
WHERE l.endpoint_id = r.endpoint_id AND l.aggregate_id = r.aggregate_id AND NOT EXISTS (
    SELECT FROM webhook_deliveries d
    WHERE d.endpoint_id = r.endpoint_id AND d.aggregate_id = r.aggregate_id AND d.status = 'pending')
"""
# A claim is recognised by its end: a stream that was claimed again since, or released, is left as it is.
_RELEASE_STREAMS = """
UPDATE webhook_lines l SET claimed = false, next_attempt_at = coalesce($1, now()) + r.due_in
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::interval[])
    r (endpoint_id, aggregate_id, claimed_until, due_in)
WHERE l.endpoint_id = r.endpoint_id AND l.aggregate_id = r.aggregate_id
    AND l.claimed AND l.next_attempt_at = r.claimed_until
"""
# `succeeded`: whether any attempt of the group did; `failing`: whether its last one failed.
_SET_FAILING = """
WITH attempted AS (SELECT * FROM unnest($2::uuid[], $3::bool[], $4::bool[]) r (id, succeeded, failing)), changed AS (
    UPDATE webhook_endpoints e SET failing_since = CASE WHEN r.failing THEN coalesce($1, now()) END
    FROM attempted r WHERE e.id = r.id AND (
        (r.failing AND (r.succeeded OR e.failing_since IS NULL)) OR (NOT r.failing AND e.failing_since IS NOT NULL))
    RETURNING e.id
)
SELECT e.id,
    CASE WHEN changed.id IS NULL THEN coalesce($1, now()) - e.failing_since ELSE interval '0' END AS failing_for
FROM attempted r JOIN webhook_endpoints e ON e.id = r.id AND r.failing LEFT JOIN changed ON changed.id = e.id
"""
_OWNED = "JOIN webhook_endpoints e ON e.id = d.endpoint_id AND e.status <> 'deleted'"
_GET = f"SELECT {_COLUMNS} FROM webhook_deliveries d {_OWNED} WHERE d.id = $1 AND ($2::text IS NULL OR e.tenant = $2)"
_OWNS = "SELECT 1 FROM webhook_endpoints WHERE id = $1 AND status <> 'deleted' AND ($2::text IS NULL OR tenant = $2)"
# Without an OR, so that a generic plan too begins in the index where the page does.
_LIST = f"""
SELECT {_COLUMNS} FROM webhook_deliveries d
WHERE d.endpoint_id = $1 AND d.id < coalesce($2::uuid, '{UUID(int=2**128 - 1)}')
ORDER BY d.id DESC LIMIT $3
"""
# By the places of rows, so that one that is resent meanwhile is kept, and that no plan reads the whole table.
_PURGE_ENDED = f"""
DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM webhook_deliveries WHERE ended_at < coalesce($1, now()) - $2::interval
    ORDER BY ended_at LIMIT {_PURGE_MAX}))
"""
_PURGE_STREAMS = """
DELETE FROM webhook_lines WHERE endpoint_id IN (SELECT id FROM webhook_endpoints WHERE status = 'deleted')
"""
_PURGE_DELETED = f"""
DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(
    SELECT d.ctid FROM webhook_endpoints e CROSS JOIN LATERAL (
        SELECT ctid FROM webhook_deliveries WHERE endpoint_id = e.id ORDER BY id LIMIT {_PURGE_MAX}
    ) d WHERE e.status = 'deleted' LIMIT {_PURGE_MAX}))
"""


class PostgresWebhookDeliveries:
    """Implements tekana.ports.webhook_deliveries.WebhookDeliveries."""

    def __init__(self, pool: ConnectionPool, background: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._background = background
        self._now: Callable[[], datetime | None] = clock or (lambda: None)

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        async with raw_connection(self._background) as connection:
            await queue_deliveries(connection, new, self._now(), statuses=("active",))

    async def claim(
        self, capacity: Mapping[WebhookEndpointId, int], limit: int, length: int, seconds: float
    ) -> Sequence[DeliveryRun]:
        async with self._transaction(self._background) as connection:
            most = list(capacity.values())
            streams = await connection.fetch(_CLAIM, self._now(), list(capacity), most, limit, seconds)
            if not streams:
                return ()
            endpoints, aggregates, _ = zip(*streams, strict=True)
            rows = await connection.fetch(_FIRST_OF_STREAMS, endpoints, aggregates, length)
        return _runs(streams, map(delivery_of, rows))

    async def record(self, runs: Sequence[FinishedRun]) -> Mapping[WebhookEndpointId, timedelta]:
        if not runs:
            return {}
        now = self._now()
        attempts = [one for run in runs for one in run.attempts]
        streams = ([run.endpoint_id for run in runs], [run.aggregate_id for run in runs])
        claims = ([run.claimed_until for run in runs], [run.due_in for run in runs])
        async with self._transaction(self._background) as connection:
            found = await connection.fetch(_SET_FAILING, now, *zip(*_by_endpoint(attempts), strict=True))
            await connection.execute(_LOCK_STREAMS, *streams)
            await connection.execute(_RECORD, now, *zip(*map(_recorded, attempts), strict=True))
            await connection.execute(_END_STREAMS, *streams)
            await connection.execute(_RELEASE_STREAMS, now, *streams, *claims)
        return {WebhookEndpointId(row["id"]): row["failing_for"] for row in found}

    async def get(self, caller: Caller, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_GET, delivery_id, access_of(caller).tenant)
        if row is None:
            raise delivery_not_found(delivery_id)
        return delivery_of(row)

    async def list(self, caller: Caller, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        async with raw_connection(self._pool) as connection:
            if await connection.fetchval(_OWNS, endpoint_id, access_of(caller).tenant) is None:
                raise endpoint_not_found(endpoint_id)
            rows = await connection.fetch(_LIST, endpoint_id, id_cursor(page), page.limit + 1)
        return page_of([delivery_of(row) for row in rows], page, lambda one: str(one.id))

    async def purge(self, older_than: timedelta) -> int:
        async with raw_connection(self._background) as connection:
            ended = await connection.execute(_PURGE_ENDED, self._now(), older_than)
            await connection.execute(_PURGE_STREAMS)
            deleted = await connection.execute(_PURGE_DELETED)
        return sum(int(status.rpartition(" ")[2]) for status in (ended, deleted))

    @asynccontextmanager
    async def _transaction(self, pool: ConnectionPool) -> AsyncIterator[asyncpg.Connection]:
        async with raw_connection(pool) as connection, connection.transaction():
            yield connection


async def queue_deliveries(
    connection: asyncpg.Connection,
    new: Sequence[NewWebhookDelivery],
    now: datetime | None,
    *,
    statuses: Sequence[WebhookStatus],
) -> None:
    """Queue deliveries, as `WebhookDeliveries.queue` does, to those of their endpoints that have one of these statuses.

    `now` is the time; None stands for the database's.
    """
    await connection.execute(_QUEUE, now, *zip(*map(_new_row, new), strict=True), statuses)


def delivery_of(row: asyncpg.Record) -> WebhookDelivery:
    """Read a row of `webhook_deliveries` with DELIVERY_COLUMNS."""
    attempts = msgspec.json.decode(row["attempts"], type=tuple[DeliveryAttempt, ...])
    return WebhookDelivery(**{**row, "attempts": attempts})


def _new_row(new: NewWebhookDelivery) -> tuple[object, ...]:
    position = None if new.cursor is None else position_of(new.cursor)[0]
    return (new.id, new.endpoint_id, new.aggregate_id, new.sequence, new.event_id, new.event_type, new.body, position)


def _runs(streams: Iterable[asyncpg.Record], deliveries: Iterable[WebhookDelivery]) -> list[DeliveryRun]:
    """Group the deliveries of claimed streams. A stream without any gets no run."""
    found: dict[tuple[UUID, UUID], list[WebhookDelivery]] = {}
    for one in sorted(deliveries, key=lambda one: one.sequence):
        found.setdefault((one.endpoint_id, one.aggregate_id), []).append(one)
    return [
        DeliveryRun(found[endpoint_id, aggregate_id], claimed_until)
        for endpoint_id, aggregate_id, claimed_until in streams
        if (endpoint_id, aggregate_id) in found
    ]


def _recorded(finished: FinishedAttempt) -> tuple[object, ...]:
    delivery, attempt, outcome = finished
    status = "pending" if isinstance(outcome, timedelta) else outcome
    return delivery.id, status, delivery.tries + 1, write_json((*delivery.attempts, attempt)[-ATTEMPTS_MAX:])


def _by_endpoint(attempts: Sequence[FinishedAttempt]) -> list[tuple[WebhookEndpointId, bool, bool]]:
    """For each endpoint, in the order of their ids: whether any attempt succeeded, and whether the last one failed."""
    found: dict[WebhookEndpointId, tuple[bool, bool]] = {}
    for delivery, attempt, _ in attempts:
        succeeded, _failing = found.get(delivery.endpoint_id, (False, False))
        found[delivery.endpoint_id] = (succeeded or attempt.succeeded, not attempt.succeeded)
    return [(endpoint_id, *found[endpoint_id]) for endpoint_id in sorted(found)]
