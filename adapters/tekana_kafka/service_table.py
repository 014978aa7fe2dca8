"""The table of services: the commands and queries of each, and their topics.

A service is a unit of deployment, not a kind of aggregate: new commands are added to an existing service, and a
reader's declaration names its service.
Each topic of commands is consumed in order and separately, so that slow commands do not delay other topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol, get_args

from tekana.application import Webhooks
from tekana.application.commands import Batch
from tekana.application.commands.customers import AnyCustomerCommand
from tekana.application.commands.money import AnyMoneyCommand
from tekana.application.commands.wallets import AnyWalletCommand
from tekana.application.commands.webhooks import AnyWebhookCommand
from tekana.domain.answers import Answer
from tekana.domain.caller import Caller
from tekana.ports.readers import READERS, ServiceName, queries_of

CoreCommand = AnyCustomerCommand | AnyWalletCommand | AnyMoneyCommand | AnyWebhookCommand
AnyCommand = CoreCommand | Batch


class Previews(Protocol):
    """The port of the engine's previews."""

    async def preview(self, command: CoreCommand, caller: Caller) -> Answer:
        """Preview a command, like the engine's `preview`."""
        ...


_COMMANDS: Final[Mapping[ServiceName, Mapping[str, tuple[type[AnyCommand], ...]]]] = {
    "customer": {"customer": get_args(AnyCustomerCommand)},
    "wallet": {"wallet": get_args(AnyWalletCommand)},
    "transaction": {
        "transaction": (*get_args(AnyMoneyCommand), Batch),
        "webhook": get_args(AnyWebhookCommand),
    },
}
"""The commands of each service, by the name of their topic."""

PORTS: Final[Mapping[str, type]] = {
    **{reader.name: reader.port for reader in READERS},
    "previews": Previews,
    "webhooks": Webhooks,
}
"""The ports with queries, by the first part of a query's name. Every public method of a port is a query."""

_SERVICE_OF_PORT: Final[Mapping[str, ServiceName]] = {
    **{reader.name: reader.service for reader in READERS},
    "previews": "transaction",
    "webhooks": "transaction",
}

SERVICE_OF: Final[Mapping[str, ServiceName]] = {
    f"{name}.{query}": _SERVICE_OF_PORT[name] for name, port in PORTS.items() for query in queries_of(port)
}
"""The service of each query."""


class ServiceEntry(NamedTuple):
    """The commands of a service, by the name of their topic, and its queries, by name."""

    commands: Mapping[str, tuple[type[AnyCommand], ...]]
    queries: tuple[str, ...]


SERVICES: Final[Mapping[ServiceName, ServiceEntry]] = {
    name: ServiceEntry(commands, tuple(query for query, service in SERVICE_OF.items() if service == name))
    for name, commands in _COMMANDS.items()
}

COMMANDS: Final[Mapping[str, tuple[type[AnyCommand], ...]]] = {
    topic: kinds for entry in SERVICES.values() for topic, kinds in entry.commands.items()
}
"""The commands on each topic of commands."""

TOPIC_OF: Final[Mapping[type[AnyCommand], str]] = {kind: topic for topic, kinds in COMMANDS.items() for kind in kinds}
"""The name of the topic of each command."""
