"""The roles of processes, and their background work. A new worker or a new role is an entry here.

The adapter of the bus defines the commands and queries of each service, as both ends of the bus need that table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from tekana.application.workers.worker import Worker
from tekana.bootstrap.container import LocalContainer
from tekana.bootstrap.settings import Role
from tekana.ports.webhook_store import WebhookStore

WorkersOf = Callable[[LocalContainer], Sequence[Worker]]
"""Builds workers of a process; none, if its settings or its store do not need them."""

ProcessRole = Role | Literal["relay", "webhooks"]
"""The roles of `tekana serve`, and those of the commands that run workers alone."""


class RoleDefinition(NamedTuple):
    """The background work of a role: its workers, and whether it consumes commands and queries from the bus."""

    workers: tuple[WorkersOf, ...] = ()
    is_service: bool = False


def publishing_workers(container: LocalContainer) -> Sequence[Worker]:
    """Build the workers that publish the outbox and drop its old events."""
    if container.settings().bus_url is None:
        return ()
    keeps_all = container.settings().keep_events is None
    return (container.relay(),) if keeps_all else (container.relay(), container.retention())


def webhook_workers(container: LocalContainer) -> Sequence[Worker]:
    """Build the workers of webhooks. Raise MissingAdapter if the store does not store them."""
    return (container.webhook_queue(), container.webhook_dispatcher(), container.webhook_secrets())


def optional_webhook_workers(container: LocalContainer) -> Sequence[Worker]:
    """Build the workers of webhooks; none if the store does not store them."""
    return webhook_workers(container) if isinstance(container.store(), WebhookStore) else ()


def checkpoint_workers(container: LocalContainer) -> Sequence[Worker]:
    """Build the worker that takes checkpoints of history."""
    return () if container.settings().checkpoint_file is None else (container.checkpoint_worker(),)


def hold_workers(container: LocalContainer) -> Sequence[Worker]:
    """Build the worker that expires holds."""
    return (container.hold_expiry(),)


ROLES: Final[Mapping[ProcessRole, RoleDefinition]] = {
    "all": RoleDefinition(workers=(publishing_workers, optional_webhook_workers, checkpoint_workers, hold_workers)),
    "gateway": RoleDefinition(),
    "customer": RoleDefinition(workers=(checkpoint_workers,), is_service=True),
    "wallet": RoleDefinition(workers=(checkpoint_workers,), is_service=True),
    "transaction": RoleDefinition(workers=(checkpoint_workers, hold_workers), is_service=True),
    "relay": RoleDefinition(workers=(publishing_workers,)),
    "webhooks": RoleDefinition(workers=(webhook_workers,)),
}
"""All roles."""


def workers_of(role: ProcessRole, container: LocalContainer) -> list[Worker]:
    """Build the workers of a process of this role.

    Raises:
        MissingAdapter: an adapter that a worker needs is not installed.
        InvalidRequest: a setting is wrong for a worker.
    """
    return [worker for build in ROLES[role].workers for worker in build(container)]
