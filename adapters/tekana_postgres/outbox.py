"""The outbox for a relay: what it reads, and how far it has come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg

from tekana.domain.events import Event, aggregate_id
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import Lease, LeaseLost, ParkedEvent, RelayState
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.events import place_of, read_feed, require_kept
from tekana_postgres.rows import event_of, write_json

_KNOW = "INSERT INTO relays (name) VALUES ($1) ON CONFLICT DO NOTHING"
_TAKE = """
UPDATE relays SET holder = $2, epoch = epoch + 1, expires_at = clock_timestamp() + $3 * interval '1 second'
WHERE name = $1 AND (expires_at IS NULL OR expires_at < clock_timestamp()) RETURNING epoch, cursor
"""
_RENEW = """
UPDATE relays SET expires_at = clock_timestamp() + $3 * interval '1 second' WHERE name = $1 AND epoch = $2 RETURNING 1
"""
_END = "UPDATE relays SET holder = NULL, expires_at = NULL WHERE name = $1 AND epoch = $2"
_MARK = "UPDATE relays SET cursor = $3 WHERE name = $1 AND epoch = $2 RETURNING 1"
_HOLD = "SELECT 1 FROM relays WHERE name = $1 AND epoch = $2 FOR NO KEY UPDATE"
_GO_BACK = """
UPDATE relays SET cursor = $2, epoch = epoch + 1, holder = NULL, expires_at = NULL WHERE name = $1
"""

_PARK = """
INSERT INTO parked_events (relay, position, place, aggregate_id, event_type, event, reason, parked_at)
SELECT $1, d.*, clock_timestamp()
FROM unnest($2::bigint[], $3::int[], $4::uuid[], $5::text[], $6::json[], $7::text[])
    AS d (position, place, aggregate_id, event_type, event, reason)
ON CONFLICT (relay, position, place) DO UPDATE SET reason = excluded.reason
"""
_FORGET_ASKED = "UPDATE parked_events SET asked = false WHERE relay = $1 AND asked AND aggregate_id = ANY($2)"
_UNPARK = """
DELETE FROM parked_events p USING unnest($2::bigint[], $3::int[]) AS d (position, place)
WHERE p.relay = $1 AND p.position = d.position AND p.place = d.place
"""
_PARKED_AGGREGATES = "SELECT DISTINCT aggregate_id FROM parked_events WHERE relay = $1"
_PARKED = """
SELECT position, place, event_type, event, reason FROM parked_events WHERE relay = $1 ORDER BY position, place LIMIT $2
"""
_ASKED = """
SELECT position, place, event_type, event, reason FROM parked_events
WHERE relay = $1 AND aggregate_id IN (SELECT aggregate_id FROM parked_events WHERE relay = $1 AND asked)
ORDER BY position, place LIMIT $2
"""
_ASK = """
UPDATE parked_events SET asked = true WHERE relay = $1 AND ($2::uuid IS NULL OR aggregate_id = $2)
"""

_STATE = """
SELECT CASE WHEN expires_at > clock_timestamp() THEN holder END AS holder, epoch, cursor,
    (SELECT count(*) FROM parked_events WHERE relay = name) AS parked
FROM relays WHERE name = $1
"""
_UNPUBLISHED = "SELECT count(*) FROM outbox WHERE position > $1"
_CURSOR = "SELECT cursor FROM relays WHERE name = $1"
_ADD_PARTS = "SELECT tekana_add_outbox_parts()"
_DROP_PART = "SELECT tekana_drop_outbox_part($1)"
_SECONDS_SINCE = "SELECT extract(epoch FROM clock_timestamp() - $1)::float8"

_LONGEST_DROP = 600  # seconds: it reads a whole part, while nobody waits


class PostgresOutbox:
    """Implements tekana.ports.outbox.Outbox. Its lease and cursor are a row of `relays`."""

    def __init__(self, pool: ConnectionPool, relay: str) -> None:
        self._pool = pool
        self._relay = relay

    async def acquire_lease(self, holder: str, seconds: float) -> Lease | None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_KNOW, self._relay)
            row = await connection.fetchrow(_TAKE, self._relay, holder, seconds)
        return None if row is None else Lease(row["epoch"], row["cursor"])

    async def renew_lease(self, lease: Lease, seconds: float) -> None:
        async with raw_connection(self._pool) as connection:
            _require(await connection.fetchval(_RENEW, self._relay, lease.epoch, seconds))

    async def end_lease(self, lease: Lease) -> None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_END, self._relay, lease.epoch)

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        async with raw_connection(self._pool) as connection:
            return await read_feed(connection, after, limit // 3 + 2)  # a transfer is one position, and three events

    async def advance(self, lease: Lease, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        async with self._transaction() as connection:
            _require(await connection.fetchval(_MARK, self._relay, lease.epoch, cursor))
            await self._park(connection, parked)

    async def parked_aggregates(self) -> AbstractSet[UUID]:
        async with raw_connection(self._pool) as connection:
            return {row["aggregate_id"] for row in await connection.fetch(_PARKED_AGGREGATES, self._relay)}

    async def parked(self, limit: int) -> Sequence[ParkedEvent]:
        async with raw_connection(self._pool) as connection:
            return [_parked_event(row) for row in await connection.fetch(_PARKED, self._relay, limit)]

    async def request_retry(self, aggregate_id: UUID | None = None) -> int:
        async with raw_connection(self._pool) as connection:
            return _number(await connection.execute(_ASK, self._relay, aggregate_id))

    async def retry_requested(self, limit: int) -> Sequence[ParkedEvent]:
        async with raw_connection(self._pool) as connection:
            return [_parked_event(row) for row in await connection.fetch(_ASKED, self._relay, limit)]

    async def unpark(self, lease: Lease, published: Sequence[str], parked: Sequence[ParkedEvent] = ()) -> None:
        positions, places = zip(*map(place_of, published), strict=True) if published else ((), ())
        async with self._transaction() as connection:
            _require(await connection.fetchval(_HOLD, self._relay, lease.epoch))
            await connection.execute(_UNPARK, self._relay, positions, places)
            await self._park(connection, parked)
            await connection.execute(_FORGET_ASKED, self._relay, [aggregate_id(one.fed.event) for one in parked])

    async def rewind(self, cursor: str | None) -> None:
        async with raw_connection(self._pool) as connection:
            if cursor is not None:
                await require_kept(connection, place_of(cursor)[0])
            await connection.execute(_KNOW, self._relay)
            await connection.execute(_GO_BACK, self._relay, cursor)

    async def prune(self, older_than: timedelta) -> int | None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_ADD_PARTS)
        async with self._transaction() as connection:
            await connection.execute(f"SET LOCAL statement_timeout = {_LONGEST_DROP * 1000}")
            dropped: int | None = await connection.fetchval(_DROP_PART, older_than, timeout=_LONGEST_DROP)
        return dropped

    async def state(self) -> RelayState:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_KNOW, self._relay)
            row = await connection.fetchrow(_STATE, self._relay)
            cursor = row["cursor"]
            first = await _first_after(connection, cursor)
            unpublished = await connection.fetchval(_UNPUBLISHED, 0 if cursor is None else place_of(cursor)[0])
        return RelayState(
            holder=row["holder"],
            epoch=row["epoch"],
            cursor=cursor,
            unpublished=unpublished,
            oldest=None if first is None else first.occurred_at,
            parked=row["parked"],
        )

    async def lag(self) -> float:
        async with raw_connection(self._pool) as connection:
            first = await _first_after(connection, await connection.fetchval(_CURSOR, self._relay))
            waits: float = 0.0 if first is None else await connection.fetchval(_SECONDS_SINCE, first.occurred_at)
        return waits

    async def _park(self, connection: asyncpg.Connection, parked: Sequence[ParkedEvent]) -> None:
        if not parked:
            return
        events = [one.fed.event for one in parked]
        positions, places = zip(*(place_of(one.fed.cursor) for one in parked), strict=True)
        await connection.execute(
            _PARK,
            self._relay,
            positions,
            places,
            [aggregate_id(event) for event in events],
            [type(event).__name__ for event in events],
            [write_json(event) for event in events],
            [one.reason for one in parked],
        )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with raw_connection(self._pool) as connection, connection.transaction():
            yield connection


async def _first_after(connection: asyncpg.Connection, cursor: str | None) -> Event | None:
    fed = await read_feed(connection, cursor, 2)  # the cursor's own position, and the next
    return fed[0].event if fed else None


def _require(held: int | None) -> None:
    if held is None:
        raise LeaseLost("another process holds the lease")


def _parked_event(row: asyncpg.Record) -> ParkedEvent:
    fed = FeedEvent(event_of(row["event_type"], row["event"]), f"{row['position']}.{row['place']}")
    return ParkedEvent(fed, row["reason"])


def _number(status: str) -> int:
    """How many rows a statement changed, as its status tells."""
    return int(status.rpartition(" ")[2])
