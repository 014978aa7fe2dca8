"""Start and stop of an application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import cast

from dependency_injector import providers

from tekana.application import Tekana
from tekana.application.workers.worker import Worker, running
from tekana.bootstrap.adapters import require_store
from tekana.bootstrap.container import Container, GatewayContainer, LocalContainer
from tekana.bootstrap.production import check_production
from tekana.bootstrap.roles import ROLES, workers_of
from tekana.bootstrap.settings import Settings
from tekana.domain.errors import invalid
from tekana.domain.identifiers import STRIPES_MAX
from tekana.ports.clock import Clock
from tekana.ports.data_keys import DataKeyStore
from tekana.ports.history import LinkedStore
from tekana.ports.store import Store


@asynccontextmanager
async def connect(
    settings: Settings | str | None = None,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    run_workers: bool = False,
    workers: Sequence[Worker] = (),
    stripe: int = 0,
) -> AsyncIterator[Tekana]:
    """Run an e-wallet back-end in this process until the context ends. Commands in progress are finished first.

    Args:
        settings: the settings; or the URL of a database, which is then also read from; or None for the settings of the
            environment.
        store: a store to use instead of the one that the settings name.
        clock: replaces the store's clock, for tests.
        run_workers: whether to run the background work of the role. A process of the role `all` publishes events if
            the settings name a bus, and delivers webhooks if the store supports them. A service consumes commands and
            queries from the bus.
        workers: additional workers to run.
        stripe: which of the operator's wallets this process posts deposits and withdrawals to, from 0 to 63. Processes
            that post to different ones do not wait for each other; the balance of a role is the sum of its stripes.

    Yields:
        The application; `as_caller` opens a session.

    Raises:
        MissingAdapter: no adapter is installed for the URL (the message names what to install), or `store` is not a
            store.
        InvalidRequest: a setting is wrong, or the store does not support it.
        UnsafeForProduction: the settings are for production, and one of them or a server is not safe for it.
        Unavailable: the database cannot be started, or not be checked for production.
    """
    container = build(settings, store=store, clock=clock, stripe=stripe)
    await check_production(container)
    readers, engine = container.readers(), container.engine()
    try:
        await readers.start()
        engine.start()
        try:
            async with _background_work(container) if run_workers else nullcontext(), running(workers):
                app = container.app()
                try:
                    yield app
                finally:
                    await app.stop()
        finally:
            await container.authenticator().stop()
            await engine.stop()
            await container.audit_recorder().stop()
    finally:
        if isinstance(container, LocalContainer):
            await container.key_verifier().stop()
        await readers.stop()


@asynccontextmanager
async def _background_work(container: Container) -> AsyncIterator[None]:
    """Run the background work of the role until the context ends."""
    role = container.settings().role
    local = cast("LocalContainer", container)  # the role of a gateway has no service and no workers
    async with _service(local) if ROLES[role].is_service else nullcontext(), running(workers_of(role, local)):
        yield


@asynccontextmanager
async def _service(container: LocalContainer) -> AsyncIterator[None]:
    """Consume commands and queries from the bus until the context ends."""
    service = container.service()
    await service.start()
    try:
        yield
    finally:
        await service.stop()


def build(
    settings: Settings | str | None = None,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    stripe: int = 0,
) -> Container:
    """Build the container for these settings. Nothing is started.

    Args:
        settings, store, clock, stripe: as for `connect`.
    """
    resolved = resolve_settings(settings)
    if resolved.role == "gateway":
        return GatewayContainer(settings=resolved, clock=providers.Object(clock))
    return _local(resolved, store, clock, stripe)


def build_local(settings: Settings) -> LocalContainer:
    """Build the container of a process with a database, ignoring the role in the settings."""
    return _local(settings, None, None, 0)


def _local(settings: Settings, store: Store | None, clock: Clock | None, stripe: int) -> LocalContainer:
    if stripe not in range(STRIPES_MAX):
        raise invalid("stripe", f"must be a number from 0 to {STRIPES_MAX - 1}")
    container = LocalContainer(settings=settings, clock=providers.Object(clock), stripe=providers.Object(stripe))
    if store is not None:
        container.store.override(providers.Object(require_store(store)))
    else:
        _link_history(container)
    return container


def _link_history(container: LocalContainer) -> None:
    """Have the store link its history, with data keys, if it can. One that was given to `connect` is left as it is."""
    store = container.store()
    if isinstance(store, LinkedStore) and isinstance(store, DataKeyStore):
        store.link_history(container.history_keys())


def resolve_settings(settings: Settings | str | None) -> Settings:
    """Return the settings of the first argument of `connect`."""
    if isinstance(settings, str):
        # Without the replica of the environment, which may belong to another database, and not as a gateway.
        settings = Settings.from_environment(given={"database_url": settings, "role": "all"})
        return replace(settings, read_database_url=None)
    return settings or Settings.from_environment()
