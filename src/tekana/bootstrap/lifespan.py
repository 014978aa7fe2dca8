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
from tekana.ports.webhooks import WebhookStore


@asynccontextmanager
async def connect(
    settings: Settings | str | None = None,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    relaying: bool = False,
) -> AsyncIterator[Tekana]:
    """An e-wallet back-end at work in this process, until the context ends.

    `settings` may be just the URL of a database, which then is read from as well. `store` is one of your own making,
    instead of one found by URL; `clock` replaces the store's, for tests. With `relaying`, what happens is published
    meanwhile where the settings say so, unless another process is at that already, and webhooks are delivered, if the
    store keeps any. What was begun when the context ends is finished first.

    Raises:
        MissingAdapter: nothing is installed for the URL, and says what to install; or the store is none.
        InvalidRequest: a setting is wrong, or asks the store for what it cannot do.
        Unavailable: the database cannot be started.
    """
    container = build(settings, store=store, clock=clock)
    used, engine = container.store(), container.engine()
    try:
        await used.start()
        engine.start()
        try:
            async with _beside(container) if relaying else nullcontext():
                yield container.app()
        finally:
            await engine.stop()
    finally:
        await used.stop()


@asynccontextmanager
async def _beside(container: Container) -> AsyncIterator[None]:
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
    if isinstance(settings, str):
        # Not with the environment's replica, which may be one of another database.
        settings = replace(Settings.from_environment(given={"database_url": settings}), read_database_url=None)
    container = Container(settings=settings or Settings.from_environment(), clock=providers.Object(clock))
    if store is not None:
        container.store.override(providers.Object(require_store(store)))
    return container
