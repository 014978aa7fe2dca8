"""The parked events of a relay."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

import asyncpg

from tekana.domain.events import aggregate_id
from tekana.ports.events import FeedEvent
from tekana.ports.parked_events import ParkedEvent
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.lease import require_held
from tekana_postgres.pages import position_of
from tekana_postgres.rows import event_of, write_json

_HOLD_LEASE = "SELECT 1 FROM relays WHERE name = $1 AND epoch = $2 FOR NO KEY UPDATE"
_PARK = """
INSERT INTO parked_events (relay, position, place, aggregate_id, event_type, event, reason, parked_at)
SELECT $1, d.*, clock_timestamp()
FROM unnest($2::bigint[], $3::int[], $4::uuid[], $5::text[], $6::json[], $7::text[])
    AS d (position, place, aggregate_id, event_type, event, reason)
ON CONFLICT (relay, position, place) DO UPDATE SET reason = excluded.reason
"""
_FORGET_REQUEST = "UPDATE parked_events SET asked = false WHERE relay = $1 AND asked AND aggregate_id = ANY($2)"
_UNPARK = """
DELETE FROM parked_events p USING unnest($2::bigint[], $3::int[]) AS d (position, place)
WHERE p.relay = $1 AND p.position = d.position AND p.place = d.place
"""
_AGGREGATES = "SELECT DISTINCT aggregate_id FROM parked_events WHERE relay = $1"
_LIST = """
SELECT position, place, event_type, event, reason FROM parked_events WHERE relay = $1 ORDER BY position, place LIMIT $2
"""
_REQUESTED = """
SELECT position, place, event_type, event, reason FROM parked_events
WHERE relay = $1 AND aggregate_id IN (SELECT aggregate_id FROM parked_events WHERE relay = $1 AND asked)
ORDER BY position, place LIMIT $2
"""
_REQUEST = """
UPDATE parked_events SET asked = true WHERE relay = $1 AND ($2::uuid IS NULL OR aggregate_id = $2)
"""


class PostgresParkedEvents:
    """Implements tekana.ports.parked_events.ParkedEvents."""

    def __init__(self, pool: ConnectionPool, relay: str) -> None:
        self._pool = pool
        self._relay = relay

    async def aggregates(self) -> AbstractSet[UUID]:
        async with raw_connection(self._pool) as connection:
            return {row["aggregate_id"] for row in await connection.fetch(_AGGREGATES, self._relay)}

    async def list(self, limit: int) -> Sequence[ParkedEvent]:
        async with raw_connection(self._pool) as connection:
            return [_parked_event(row) for row in await connection.fetch(_LIST, self._relay, limit)]

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        async with raw_connection(self._pool) as connection:
            return _row_count(await connection.execute(_REQUEST, self._relay, aggregate_id))

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        async with raw_connection(self._pool) as connection:
            return [_parked_event(row) for row in await connection.fetch(_REQUESTED, self._relay, limit)]

    async def unpark(self, epoch: int, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        positions, indexes = zip(*map(position_of, published), strict=True) if published else ((), ())
        async with raw_connection(self._pool) as connection, connection.transaction():
            require_held(await connection.fetchval(_HOLD_LEASE, self._relay, epoch))
            await connection.execute(_UNPARK, self._relay, positions, indexes)
            await park(connection, self._relay, parked)
            await connection.execute(
                _FORGET_REQUEST, self._relay, [aggregate_id(one.feed_event.event) for one in parked]
            )


async def park(connection: asyncpg.Connection, relay: str, parked: Sequence[ParkedEvent]) -> None:
    """Park these events, in the transaction of the connection."""
    if not parked:
        return
    events = [one.feed_event.event for one in parked]
    positions, indexes = zip(*(position_of(one.feed_event.cursor) for one in parked), strict=True)
    await connection.execute(
        _PARK,
        relay,
        positions,
        indexes,
        [aggregate_id(event) for event in events],
        [event.NAME for event in events],
        [write_json(event) for event in events],
        [one.reason for one in parked],
    )


def _parked_event(row: asyncpg.Record) -> ParkedEvent:
    feed_event = FeedEvent(event_of(row["event_type"], row["event"]), f"{row['position']}.{row['place']}")
    return ParkedEvent(feed_event, row["reason"])


def _row_count(status: str) -> int:
    """Return how many rows a statement changed, from its status."""
    return int(status.rpartition(" ")[2])
