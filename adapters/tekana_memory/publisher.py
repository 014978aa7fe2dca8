"""A bus in memory, for tests. It has no URL, as no consumer of another process could read from it."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.domain.events import Event
from tekana.ports.publisher import RejectedEvent


class MemoryPublisher:
    """Implements tekana.ports.publisher.Publisher. `published` has all published events, in order."""

    def __init__(self) -> None:
        self.location = "this process's memory"
        self.published: list[Event] = []

    async def start(self) -> None:
        """Do nothing: there is no connection."""

    async def stop(self) -> None:
        """Do nothing: there are no resources."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Append all events to `published`."""
        self.published += events
        return ()
