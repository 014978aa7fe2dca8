"""The reader of events.

Positions in the outbox are assigned in order, but units of work commit in any order: when position 7 is committed, 6
may not be, and a reader that continued after 7 would never read it. So a reader first reads the settled position, up to
which all positions are committed or rolled back (`tekana_settled_position`, in the migration that created the outbox),
and then, in a second statement that sees all of them, events up to that position.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from tekana.domain.caller import Caller
from tekana.domain.errors import EventsDropped
from tekana.domain.events import Event
from tekana.domain.policy import can_see_event, has_all_tenants
from tekana.domain.transaction import events_of
from tekana.ports.events import ALL_EVENTS, EventFilter, FeedEvent
from tekana.ports.page import Page, PageRequest
from tekana_postgres.aggregates.transaction import read_transactions
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import page_of, position_of
from tekana_postgres.rows import event_of

SETTLED_POSITION: Final = "SELECT tekana_settled_position()"
# With a filter, the positions that are read at once (at least 2: the cursor's own, and the next), and how often.
_RUN: Final = 250
_RUNS_MAX: Final = 4

_DROPPED = "SELECT coalesce(max(last_position), 0) FROM outbox_parts"
_SETTLED = """
SELECT position, transaction_id, event_type, event FROM outbox
WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3
"""


class PostgresEvents:
    """Implements tekana.ports.events.Events. A cursor is a position in the outbox and the event's index at it."""

    def __init__(self, pool: ConnectionPool, caller: Caller) -> None:
        self._pool = pool
        self._caller = caller

    async def list(self, page: PageRequest, which: EventFilter = ALL_EVENTS) -> Page[FeedEvent]:
        async with raw_connection(self._pool) as connection:
            if which == ALL_EVENTS and has_all_tenants(self._caller):
                return page_of(await read_feed(connection, page.cursor, page.limit + 2), page, lambda one: one.cursor)
            found: list[FeedEvent] = []
            cursor = page.cursor
            for _ in range(_RUNS_MAX):
                run = await read_feed(connection, cursor, _RUN)
                if not run:
                    return Page(tuple(found), None)
                matching = [one for one in run if can_see_event(self._caller, one.event) and which.matches(one.event)]
                found += matching
                if len(found) > page.limit:
                    return page_of(found, page, lambda one: one.cursor)
                cursor = run[-1].cursor
        return Page(tuple(found), cursor)


async def read_feed(
    connection: asyncpg.Connection, cursor: str | None, positions: int, settled: int | None = None
) -> list[FeedEvent]:
    """Return the events after the cursor, up to the settled position.

    Args:
        connection: the connection to read from.
        cursor: the cursor; None begins with the first stored event.
        positions: the largest number of positions of the outbox to read.
        settled: the settled position, if the caller has just read it in an earlier statement.

    Raises:
        InvalidRequest: the cursor is malformed.
        EventsDropped: events after the cursor were dropped.
    """
    if cursor is None:
        position, last_index = await connection.fetchval(_DROPPED), -1
    else:
        position, last_index = position_of(cursor)
    begin = position - 1 if last_index >= 0 else position  # there may be more events at the cursor's own position
    if settled is None:
        settled = await connection.fetchval(SETTLED_POSITION)
    rows = await connection.fetch(_SETTLED, begin, settled, positions)
    # Checked after the rows were read, so that a part dropped meanwhile is noticed.
    if cursor is not None:
        await require_not_dropped(connection, position)
    elif position < await connection.fetchval(_DROPPED):
        return await read_feed(connection, cursor, positions)
    ids = [row["transaction_id"] for row in rows if row["transaction_id"] is not None]
    transactions = await read_transactions(connection, ids)
    feed_events: list[FeedEvent] = []
    for row in rows:
        events: list[Event]
        if row["transaction_id"] is not None:
            events = list(events_of(transactions[row["transaction_id"]]))
        else:
            events = [event_of(row["event_type"], row["event"])]
        for index, event in enumerate(events):
            if (row["position"], index) > (position, last_index):
                feed_events.append(FeedEvent(event, f"{row['position']}.{index}"))
    return feed_events


async def require_not_dropped(connection: asyncpg.Connection, position: int) -> None:
    """Raise EventsDropped if events after the position were dropped, or may have been."""
    if position <= await connection.fetchval(_DROPPED):
        raise EventsDropped
