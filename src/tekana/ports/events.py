"""The reader of events: the feed."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tekana.domain.events import Event
from tekana.ports.page import Page, PageRequest


class FeedEvent(NamedTuple):
    """An event and the cursor of its position in the feed; a page after this cursor begins with the next event."""

    event: Event
    cursor: str


class Events(Protocol):
    """The feed of all events that are still stored. Safe to use from many tasks at once."""

    async def list(self, page: PageRequest) -> Page[FeedEvent]:
        """List the events after the cursor, oldest first. Without a cursor, begin with the first stored event.

        The guarantees to consumers: each event appears once; an event that is committed after a page was read appears
        after the end of that page, so a consumer that follows the cursors misses none; and the events of an aggregate
        are in order of their sequence.

        Raises:
            InvalidRequest: the cursor is not one of the feed.
            EventsDropped: events after the cursor were dropped.
            Unavailable: the store cannot be reached.
        """
        ...
