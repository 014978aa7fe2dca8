"""The two ends of a bus for commands: a gateway's, and a service's."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from tekana.application.engine.engine import Engine
from tekana.application.webhooks.webhooks import Webhooks
from tekana.ports.store import Readers

ServiceName = Literal["customer", "wallet", "transaction"]
"""The services: units of deployment. What each of them answers is the adapter's table, not its name."""


@runtime_checkable
class Gateway(Protocol):
    """The end that sends. It is built from a URL without connecting; `readers` start and stop its work."""

    @property
    def engine(self) -> Engine:
        """An engine whose commands the services decide."""
        ...

    @property
    def readers(self) -> Readers:
        """Readers that ask the services over the bus."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks that the services keep."""
        ...


@runtime_checkable
class Service(Protocol):
    """The end that answers: consumes the commands and queries of one service, and replies.

    It is built from a URL, the name of the service, the engine and readers that do the work, and a factory of webhooks.
    """

    async def start(self) -> None:
        """Begin to consume commands and queries. The bus need not be reachable yet."""
        ...

    async def stop(self) -> None:
        """Finish what was consumed, reply, and disconnect."""
        ...

    async def check_ready(self) -> None:
        """Raises Unavailable, with the reason, unless the bus answers."""
        ...
