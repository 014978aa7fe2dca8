"""A started container, for commands that need more than a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tekana.bootstrap import Settings
from tekana.bootstrap.container import LocalContainer
from tekana.bootstrap.lifespan import build_local


@asynccontextmanager
async def started_container(chosen: Settings) -> AsyncIterator[LocalContainer]:
    """Build the container of these settings, start its store and check that it is ready; stop it at the end."""
    container = build_local(chosen)
    store = container.store()
    await store.start()
    try:
        await store.check_ready()
        yield container
    finally:
        await store.stop()
