"""The reader of events: the feed."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol
from uuid import UUID

from tekana.domain.events import Aggregate, Event, aggregate_id
from tekana.ports.page import Page, PageRequest


class FeedEvent(NamedTuple):
    """An event and the cursor of its position in the feed; a page after this cursor begins with the next event."""

    event: Event
    cursor: str


class EventFilter(NamedTuple):
    """Selects the events that match all given fields; None matches any value.

    Attributes:
        type: a key of `tekana.domain.events.EVENT_TYPES`.
        aggregate: the kind of aggregate.
        aggregate_id: the id of the customer, wallet or transaction.
    """

    type: str | None = None
    aggregate: Aggregate | None = None
    aggregate_id: UUID | None = None

    def matches(self, event: Event) -> bool:
        """Return whether the event is selected."""
        return (
            self.type in (None, event.NAME)
            and self.aggregate in (None, event.aggregate)
            and self.aggregate_id in (None, aggregate_id(event))
        )


ALL_EVENTS: Final = EventFilter()
"""Selects all events."""


class Events(Protocol):
    """The feed of all events that are still stored. Safe to use from many tasks at once."""

    async def list(self, page: PageRequest, which: EventFilter = ALL_EVENTS) -> Page[FeedEvent]:
        """List the events after the cursor, oldest first. Without a cursor, begin with the first stored event.

        The guarantees to consumers: each event appears once; an event that is committed after a page was read appears
        after the end of that page, so a consumer that follows the cursors misses none; and the events of an aggregate
        are in order of their sequence. With a filter, a page ends after a bounded number of events that do not match.

        Raises:
            InvalidRequest: the cursor is not one of the feed.
            EventsDropped: events after the cursor were dropped.
            Unavailable: the store cannot be reached.
        """
        ...
