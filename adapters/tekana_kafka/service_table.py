"""The table of services: the commands and queries of each, and their topics.

A service is a unit of deployment, not a kind of aggregate: a package of commands and a reader declare which service
executes or answers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Union, get_type_hints

from tekana.application import Webhooks
from tekana.application.authentication import KeyVerifier
from tekana.application.commands import GROUPS, Batch, BatchOutcome, Command, money
from tekana.application.commands.group import CommandGroup
from tekana.application.sign_in.ports import SignInPorts
from tekana.domain.answers import Answer
from tekana.ports.audit_log import AuditRecords
from tekana.ports.readers import READERS, ServiceName, queries_of

if TYPE_CHECKING:
    CoreCommand = Command[Any]
else:
    CoreCommand = Union[tuple(kind for one in GROUPS for kind in one.commands)]  # noqa: UP007 - of as many as there are
"""A command of any package."""

AnyCommand = CoreCommand | Batch


class Previews(Protocol):
    """The port of a session's previews."""

    async def preview(self, command: CoreCommand) -> Answer:
        """Preview a command, like `Session.preview`."""
        ...

    async def preview_batch(self, batch: Batch) -> BatchOutcome:
        """Preview a batch, like `Session.preview_batch`."""
        ...


SIGN_IN_PORTS: Final[Mapping[str, type]] = get_type_hints(SignInPorts)
"""The ports of sign-in, by name."""

PORTS: Final[Mapping[str, type]] = {
    **{reader.name: reader.port for reader in READERS},
    "previews": Previews,
    "webhooks": Webhooks,
    "key_verifier": KeyVerifier,
    "audit_records": AuditRecords,
    **SIGN_IN_PORTS,
}
"""The ports with queries, by the first part of a query's name. Every public method of a port is a query."""

_SERVICE_OF_PORT: Final[Mapping[str, ServiceName]] = {
    **{reader.name: reader.service for reader in READERS},
    "previews": "transaction",
    "webhooks": "transaction",
    "key_verifier": "transaction",
    "audit_records": "transaction",
    **dict.fromkeys(SIGN_IN_PORTS, "customer"),
}

SERVICE_OF: Final[Mapping[str, ServiceName]] = {
    f"{name}.{query}": _SERVICE_OF_PORT[name] for name, port in PORTS.items() for query in queries_of(port)
}
"""The service of each query."""


class ServiceEntry(NamedTuple):
    """The commands of a service, by the name of their topic, and its queries, by name."""

    commands: Mapping[str, tuple[type[AnyCommand], ...]]
    queries: tuple[str, ...]


def services_of(groups: Iterable[CommandGroup]) -> dict[ServiceName, ServiceEntry]:
    """Return the services that execute these commands, with their queries."""
    topics: dict[ServiceName, dict[str, tuple[type[AnyCommand], ...]]] = {}
    for group in groups:
        kinds: tuple[type[AnyCommand], ...] = group.commands
        topics.setdefault(group.service, {})[group.topic] = (*kinds, Batch) if group is money.GROUP else kinds
    return {
        name: ServiceEntry(commands, tuple(query for query, service in SERVICE_OF.items() if service == name))
        for name, commands in topics.items()
    }


SERVICES: Final[Mapping[ServiceName, ServiceEntry]] = services_of(GROUPS)

COMMANDS: Final[Mapping[str, tuple[type[AnyCommand], ...]]] = {
    topic: kinds for entry in SERVICES.values() for topic, kinds in entry.commands.items()
}
"""The commands on each topic of commands."""

TOPIC_OF: Final[Mapping[type[AnyCommand], str]] = {kind: topic for topic, kinds in COMMANDS.items() for kind in kinds}
"""The name of the topic of each command."""
