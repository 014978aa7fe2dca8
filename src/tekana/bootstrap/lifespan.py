"""Starts and stops what a container built."""

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
from tekana.bootstrap.roles import ROLES, workers_of
from tekana.bootstrap.settings import Settings
from tekana.ports.clock import Clock
from tekana.ports.store import Store


@asynccontextmanager
async def connect(
    settings: Settings | str | None = None,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    run_workers: bool = False,
    workers: Sequence[Worker] = (),
) -> AsyncIterator[Tekana]:
    """Run an e-wallet back-end in this process until the context ends. What was begun by then is finished first.

    Args:
        settings: the settings, or just the URL of a database, which then is read from as well; those of the
            environment if None.
        store: a store of your own, instead of one found by URL.
        clock: replaces the store's clock, for tests.
        run_workers: whether to do the background work of the role. A process of the role `all` publishes what happens
            if the settings name a bus, and delivers webhooks if the store keeps any. A service takes commands and
            queries from the bus.
        workers: further workers to run meanwhile.

    Raises:
        MissingAdapter: no adapter is installed for the URL, and says what to install; or `store` is not a store.
        InvalidRequest: a setting is wrong, or the store cannot do what it asks for.
        Unavailable: the database cannot be started.
    """
    container = build(settings, store=store, clock=clock)
    readers, engine = container.readers(), container.engine()
    try:
        await readers.start()
        engine.start()
        try:
            async with _background_work(container) if run_workers else nullcontext(), running(workers):
                yield container.app()
        finally:
            await engine.stop()
    finally:
        await readers.stop()


@asynccontextmanager
async def _background_work(container: Container) -> AsyncIterator[None]:
    """Do the background work of the role, meanwhile."""
    role = container.settings().role
    local = cast("LocalContainer", container)  # no role of a gateway has a service or workers
    async with _service(local) if ROLES[role].is_service else nullcontext(), running(workers_of(role, local)):
        yield


@asynccontextmanager
async def _service(container: LocalContainer) -> AsyncIterator[None]:
    """Take commands and queries from the bus, meanwhile."""
    service = container.service()
    await service.start()
    try:
        yield
    finally:
        await service.stop()


def build(
    settings: Settings | str | None = None, *, store: Store | None = None, clock: Clock | None = None
) -> Container:
    """Build the container for these settings, with a store or clock of your own. Nothing is started."""
    resolved = resolve_settings(settings)
    return GatewayContainer(settings=resolved) if resolved.role == "gateway" else _local(resolved, store, clock)


def build_local(settings: Settings) -> LocalContainer:
    """Build the container of a process that works on the database itself, whatever the role in the settings."""
    return _local(settings, None, None)


def _local(settings: Settings, store: Store | None, clock: Clock | None) -> LocalContainer:
    container = LocalContainer(settings=settings, clock=providers.Object(clock))
    if store is not None:
        container.store.override(providers.Object(require_store(store)))
    return container


def resolve_settings(settings: Settings | str | None) -> Settings:
    """Return the settings that the first argument of `connect` stands for."""
    if isinstance(settings, str):
        # Not with the environment's replica, which may be one of another database, nor as a gateway without any.
        settings = Settings.from_environment(given={"database_url": settings, "role": "all"})
        return replace(settings, read_database_url=None)
    return settings or Settings.from_environment()
