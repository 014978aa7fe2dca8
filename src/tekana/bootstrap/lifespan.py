"""Starts and stops what the container built."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

from dependency_injector import providers

from tekana.application import Tekana
from tekana.bootstrap.adapters import require_store
from tekana.bootstrap.container import Container
from tekana.bootstrap.settings import Settings
from tekana.ports.clock import Clock
from tekana.ports.store import Store
from tekana.ports.webhook_store import WebhookStore


@asynccontextmanager
async def connect(
    settings: Settings | str | None = None,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    working: bool = False,
) -> AsyncIterator[Tekana]:
    """An e-wallet back-end at work in this process, until the context ends.

    `settings` may be just the URL of a database, which then is read from as well. `store` is one of your own making,
    instead of one found by URL; `clock` replaces the store's, for tests. With `working`, the process meanwhile does
    what its role has to do besides: everything in one process publishes what happens where the settings name a bus,
    unless another process is at that already, and delivers webhooks, if the store keeps any; a service takes commands
    and queries. What was begun when the context ends is finished first.

    Raises:
        MissingAdapter: nothing is installed for the URL, and says what to install; or the store is none.
        InvalidRequest: a setting is wrong, or asks the store for what it cannot do.
        Unavailable: the database cannot be started.
    """
    container = build(settings, store=store, clock=clock)
    used, engine = container.readers(), container.deciding()
    try:
        await used.start()
        engine.start()
        try:
            async with _at_work(container) if working else nullcontext():
                yield container.app()
        finally:
            await engine.stop()
    finally:
        await used.stop()


@asynccontextmanager
async def _at_work(container: Container) -> AsyncIterator[None]:
    role = container.settings().role
    if role == "gateway":  # it only asks
        yield
    elif role == "all":
        async with _telling(container):
            yield
    else:
        service = container.service()
        await service.start()
        try:
            yield
        finally:
            await service.stop()


@asynccontextmanager
async def _telling(container: Container) -> AsyncIterator[None]:
    """Tell others what happens, meanwhile."""
    works = []
    if container.settings().bus_url:
        works.append(asyncio.create_task(container.relay().run(), name="relay"))
    if isinstance(container.store(), WebhookStore):
        works.append(asyncio.create_task(container.webhook_dispatcher().run(), name="webhooks"))
    try:
        yield
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


def build(
    settings: Settings | str | None = None, *, store: Store | None = None, clock: Clock | None = None
) -> Container:
    """The container for these settings, with the parts that were brought along. Nothing is started."""
    container = Container(settings=chosen(settings), clock=providers.Object(clock))
    if store is not None:
        container.store.override(providers.Object(require_store(store)))
    return container


def chosen(settings: Settings | str | None) -> Settings:
    """The settings meant by what `connect` takes: those of the environment, but for what is given."""
    if isinstance(settings, str):
        # Not with the environment's replica, which may be one of another database, nor as a gateway without any.
        settings = Settings.from_environment(given={"database_url": settings, "role": "all"})
        return replace(settings, read_database_url=None)
    return settings or Settings.from_environment()
