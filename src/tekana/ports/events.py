"""Reading what happened."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tekana.domain.events import Event
from tekana.ports.page import Page, PageRequest


class FeedEvent(NamedTuple):
    """An event with its place in the feed: ask for what comes after it with this cursor."""

    event: Event
    cursor: str


class Events(Protocol):
    """The feed of every event since the beginning, or since what was dropped. Safe to use from many tasks at once."""

    async def list(self, page: PageRequest) -> Page[FeedEvent]:
        """What happened after the cursor, the oldest first.

        The contract that consumers build on: each event appears once; an event that was not there yet when a page was
        read is never put before that page's end, so nobody who follows the cursors misses one; and each aggregate's
        events come in the order of their sequence.

        Without a cursor it begins with the first event that is kept.

        Raises InvalidRequest for a bad cursor; EventsDropped if what came after it was dropped; Unavailable if the
        store cannot be reached.
        """
        ...
