"""Roles: what each kind of process does in the background. A new worker, or a new kind of process, is an entry here.

The adapter of the bus has the table of what each service answers, as both ends of the bus have to agree on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from tekana.application.workers.worker import Worker
from tekana.bootstrap.container import LocalContainer
from tekana.bootstrap.settings import Role
from tekana.ports.webhook_store import WebhookStore

WorkersOf = Callable[[LocalContainer], Sequence[Worker]]
"""Builds workers of a process; none, if its settings or its store give them nothing to do."""

ProcessRole = Role | Literal["relay", "webhooks"]
"""The roles of `tekana serve`, and those of the commands that run workers alone."""


class RoleDefinition(NamedTuple):
    """What a process of a role does besides answering clients: its workers, and whether it is a service of the bus."""

    workers: tuple[WorkersOf, ...] = ()
    is_service: bool = False


def publishing(container: LocalContainer) -> Sequence[Worker]:
    """Publish the outbox on the bus, and drop from it what is too old."""
    if container.settings().bus_url is None:
        return ()
    keeps_all = container.settings().keep_events is None
    return (container.relay(),) if keeps_all else (container.relay(), container.retention())


def webhook_delivery(container: LocalContainer) -> Sequence[Worker]:
    """Queue and deliver webhooks. Raises MissingAdapter if the store keeps none."""
    return (container.webhook_queue(), container.webhook_dispatcher())


def optional_webhook_delivery(container: LocalContainer) -> Sequence[Worker]:
    """Queue and deliver webhooks, if the store keeps any."""
    return webhook_delivery(container) if isinstance(container.store(), WebhookStore) else ()


ROLES: Final[Mapping[ProcessRole, RoleDefinition]] = {
    "all": RoleDefinition(workers=(publishing, optional_webhook_delivery)),
    "gateway": RoleDefinition(),
    "customer": RoleDefinition(is_service=True),
    "wallet": RoleDefinition(is_service=True),
    "transaction": RoleDefinition(is_service=True),
    "relay": RoleDefinition(workers=(publishing,)),
    "webhooks": RoleDefinition(workers=(webhook_delivery,)),
}
"""Every kind of process."""


def workers_of(role: ProcessRole, container: LocalContainer) -> list[Worker]:
    """Build the workers of a process of this role.

    Raises:
        MissingAdapter: an adapter that a worker needs is not installed.
        InvalidRequest: a setting is wrong for a worker.
    """
    return [worker for build in ROLES[role].workers for worker in build(container)]
