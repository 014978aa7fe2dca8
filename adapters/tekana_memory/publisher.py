"""A bus in this process's memory, for tests. No URL leads to it: nobody would get what an operator put on it."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.domain.events import Event
from tekana.ports.publisher import RejectedEvent


class MemoryPublisher:
    """Implements tekana.ports.publisher.Publisher. `published` is everything that was put on the bus, in order."""

    def __init__(self) -> None:
        self.location = "this process's memory"
        self.published: list[Event] = []

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Take them all."""
        self.published += events
        return ()
