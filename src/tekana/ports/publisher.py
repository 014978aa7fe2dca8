"""The publisher: a message bus for events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from tekana.domain.events import Event


class RejectedEvent(NamedTuple):
    """An event that the bus rejects for good.

    Attributes:
        event_index: the index of the event in the run that was published, from 0.
        reason: a description for an operator.
    """

    event_index: int
    reason: str


@runtime_checkable
class Publisher(Protocol):
    """A bus that events are published to. Built from a URL without I/O. For one task at a time."""

    @property
    def location(self) -> str:
        """The address of the bus, for an operator, without secrets."""
        ...

    async def start(self) -> None:
        """Connect, and create what is missing on the bus. `publish` does so too if this failed or was not called.

        Raises:
            Unavailable: the bus cannot be reached, or does not permit it.
        """
        ...

    async def stop(self) -> None:
        """Disconnect and release all resources; send nothing more. May be called twice, or without `start`."""
        ...

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Publish a run of events, and wait until the bus has confirmed each of them.

        An event is sent once the earlier events of its aggregate in the run are confirmed, so consumers receive the
        events of each aggregate in order. After a rejected event, no later event of its aggregate is sent, and the
        result does not name those. Publishing a run twice sends its events twice; consumers drop duplicates by
        `event_id`. A cancelled call may still send its events, before those of any later call.

        Returns:
            The events that the bus rejects for good.

        Raises:
            Unavailable: the bus did not confirm in time. An unknown number of each aggregate's first events may have
                arrived: publish the whole run again, before any other.
        """
        ...
