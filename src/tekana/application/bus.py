"""What a bus for commands gives: a gateway's end, and a service's."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tekana.application.engine.engine import Engine
from tekana.application.webhooks.webhooks import Webhooks
from tekana.ports.store import Readers


@runtime_checkable
class Gateway(Protocol):
    """The end that asks. It is built from a URL without touching the world; `readers` start and stop its work."""

    @property
    def engine(self) -> Engine:
        """Has commands decided by the services."""
        ...

    @property
    def readers(self) -> Readers:
        """Have the services read."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Has the services keep webhooks."""
        ...


@runtime_checkable
class Service(Protocol):
    """The end that answers: takes the commands and queries about one kind of aggregate, and replies.

    It is built from a URL, the aggregate, the engine and readers that do the work, and what gives the webhooks.
    """

    async def start(self) -> None:
        """Begin to take commands and queries. The bus need not be reachable yet."""
        ...

    async def stop(self) -> None:
        """Finish what was taken, reply, and let go of the bus."""
        ...

    async def check_ready(self) -> None:
        """Raises Unavailable, with the reason, unless the bus answers."""
        ...
