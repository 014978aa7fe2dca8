"""Reading what happened.

Positions in the outbox are taken in order, but units of work end in any order: while position 7 is there to read, 6 may
still be on its way, and whoever moves on past it would never see it. So a reader first asks how far everything is
settled, written or never to come (`tekana_settled_position`, in the migration that made the outbox), and then, in a
statement of its own that sees all of that, reads no further.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from tekana.domain.errors import EventsDropped
from tekana.domain.events import Event
from tekana.domain.transaction import events_of
from tekana.ports.events import FeedEvent
from tekana.ports.page import Page, PageRequest
from tekana_postgres.aggregates.transaction import read_transactions
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import bad_cursor, number_cursor, page_of
from tekana_postgres.rows import event_of

SETTLED_POSITION: Final = "SELECT tekana_settled_position()"
_DROPPED = "SELECT coalesce(max(last_position), 0) FROM outbox_parts"
_SETTLED = """
SELECT position, transaction_id, event_type, event FROM outbox
WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3
"""


class PostgresEvents:
    """Implements tekana.ports.events.Events. A cursor is a position in the outbox and the event's place in it."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def list(self, page: PageRequest) -> Page[FeedEvent]:
        async with raw_connection(self._pool) as connection:
            feed_events = await read_feed(connection, page.cursor, page.limit + 2)
        return page_of(feed_events, page, lambda one: one.cursor)


async def read_feed(
    connection: asyncpg.Connection, cursor: str | None, positions: int, settled: int | None = None
) -> list[FeedEvent]:
    """Return the events at so many positions of the outbox that come after the cursor, as far as it is settled.

    `settled` is the settled position if the caller has just read it, in a statement before.

    Raises InvalidRequest for a bad cursor, EventsDropped for one of what was dropped.
    """
    if cursor is None:
        position, place = await connection.fetchval(_DROPPED), -1
    else:
        position, place = place_of(cursor)
    begin = position - 1 if place >= 0 else position  # the cursor's own position may hold more events
    if settled is None:
        settled = await connection.fetchval(SETTLED_POSITION)
    rows = await connection.fetch(_SETTLED, begin, settled, positions)
    # Asked once the rows are here, which then cannot have been dropped from among them.
    if cursor is not None:
        await require_kept(connection, position)
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
            if (row["position"], index) > (position, place):
                feed_events.append(FeedEvent(event, f"{row['position']}.{index}"))
    return feed_events


async def require_kept(connection: asyncpg.Connection, position: int) -> None:
    """Raises EventsDropped if what follows the position was dropped, or some of it may have been."""
    if position <= await connection.fetchval(_DROPPED):
        raise EventsDropped


def place_of(cursor: str) -> tuple[int, int]:
    """The position in the outbox, and the place in it, that a cursor stands for. Raises InvalidRequest."""
    position, dot, place = cursor.partition(".")
    if not dot:
        raise bad_cursor()
    return number_cursor(position), number_cursor(place, least=0)
