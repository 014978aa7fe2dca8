"""The outbox for a relay: its events, and the relay's cursor."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

import asyncpg

from tekana.domain.events import Event
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import RelayState
from tekana.ports.parked_events import ParkedEvent
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.events import SETTLED_POSITION, read_feed, require_not_dropped
from tekana_postgres.lease import PostgresLease, require_held
from tekana_postgres.pages import bad_cursor, position_of
from tekana_postgres.parked_events import PostgresParkedEvents, park

_ADD_ROW = "INSERT INTO relays (name) VALUES ($1) ON CONFLICT DO NOTHING"
_ADVANCE = "UPDATE relays SET cursor = $3 WHERE name = $1 AND epoch = $2 RETURNING 1"
_REWIND = """
UPDATE relays SET cursor = $2, epoch = epoch + 1, holder = NULL, expires_at = NULL WHERE name = $1
"""
_EXISTS = "SELECT EXISTS (SELECT FROM outbox WHERE position = $1 AND position <= tekana_settled_position())"
_STATE = """
SELECT CASE WHEN expires_at > clock_timestamp() THEN holder END AS holder, epoch, cursor,
    (SELECT count(*) FROM parked_events WHERE relay = name) AS parked
FROM relays WHERE name = $1
"""
_UNPUBLISHED = "SELECT count(*) FROM outbox WHERE position > $1"
_CURSOR = "SELECT cursor FROM relays WHERE name = $1"
_TAKEN_POSITION = "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq"
_SECONDS_SINCE = "SELECT extract(epoch FROM clock_timestamp() - $1)::float8"

_FULL_READ_SECONDS: Final = 1.0
"""The interval in which a read queries the outbox even if no position was assigned since the last one."""


class PostgresOutbox:
    """Implements tekana.ports.outbox.Outbox. A relay's lease and cursor are its row of `relays`.

    An idle relay polls often, and a read has to query the locks of all transactions in flight. So an empty read is
    cached with the last position that was assigned: until the sequence assigns another one, there are no new events.
    """

    def __init__(self, pool: ConnectionPool, lease_pool: ConnectionPool, relay: str) -> None:
        self._pool = pool
        self._relay = relay
        self.lease = PostgresLease(lease_pool, "relays", relay)
        self.parked_events = PostgresParkedEvents(pool, relay)
        self._events_per_position = 3.0  # those of a transfer; measured with each read
        self._nothing_after: tuple[str | None, int] | None = None
        self._read_fully_at = 0.0

    async def cursor(self) -> str | None:
        async with raw_connection(self._pool) as connection:
            cursor: str | None = await connection.fetchval(_CURSOR, self._relay)
        return cursor

    async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
        now = asyncio.get_running_loop().time()
        async with raw_connection(self._pool) as connection:
            if self._nothing_after is not None and now < self._read_fully_at:
                taken = await connection.fetchval(_TAKEN_POSITION)
                if self._nothing_after == (after, taken):
                    return []
            settled = await connection.fetchval(SETTLED_POSITION)
            taken = await connection.fetchval(_TAKEN_POSITION)
            feed_events = await read_feed(connection, after, math.ceil(limit / self._events_per_position) + 2, settled)
        self._read_fully_at = now + _FULL_READ_SECONDS
        self._nothing_after = (after, taken) if not feed_events and settled == taken else None
        if len(feed_events) > limit // 2:  # enough to measure
            self._events_per_position = len(feed_events) / len({position_of(one.cursor)[0] for one in feed_events})
        return _whole_positions(feed_events, limit)

    async def advance(self, epoch: int, cursor: str, parked: Sequence[ParkedEvent] = ()) -> None:
        async with raw_connection(self._pool) as connection, connection.transaction():
            require_held(await connection.fetchval(_ADVANCE, self._relay, epoch, cursor))
            await park(connection, self._relay, parked)

    async def rewind(self, cursor: str | None) -> None:
        async with raw_connection(self._pool) as connection:
            if cursor is not None:
                await _require_event(connection, cursor)
            await connection.execute(_ADD_ROW, self._relay)
            await connection.execute(_REWIND, self._relay, cursor)

    async def state(self) -> RelayState:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_ADD_ROW, self._relay)
            row = await connection.fetchrow(_STATE, self._relay)
            cursor = row["cursor"]
            first = await _first_after(connection, cursor)
            unpublished = await connection.fetchval(_UNPUBLISHED, 0 if cursor is None else position_of(cursor)[0])
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


def _whole_positions(feed_events: Sequence[FeedEvent], limit: int) -> Sequence[FeedEvent]:
    """Return the events of the first positions: at most `limit`, or those of the first position if it has more."""
    if len(feed_events) <= limit:
        return feed_events
    positions = [position_of(one.cursor)[0] for one in feed_events]
    return feed_events[: positions.index(positions[limit])] or feed_events[: positions.count(positions[0])]


async def _first_after(connection: asyncpg.Connection, cursor: str | None) -> Event | None:
    feed_events = await read_feed(connection, cursor, 2)  # at the cursor's own position, and the next
    return feed_events[0].event if feed_events else None


async def _require_event(connection: asyncpg.Connection, cursor: str) -> None:
    """Raise InvalidRequest if no event has the cursor, EventsDropped if it may have been dropped."""
    position, index = position_of(cursor)
    await require_not_dropped(connection, position)
    if index == 0:
        found = await connection.fetchval(_EXISTS, position)
    else:
        found = any(one.cursor == cursor for one in await read_feed(connection, f"{position}.{index - 1}", 1))
    if not found:
        raise bad_cursor()
