"""A process that runs the workers of a role until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import rich_click as click

from tekana.application.workers.worker import running
from tekana.bootstrap import Settings
from tekana.bootstrap.container import LocalContainer
from tekana.bootstrap.lifespan import build_local
from tekana.bootstrap.logs import configure_logs
from tekana.bootstrap.production import check_production
from tekana.bootstrap.roles import ProcessRole, workers_of

GRACE_SECONDS: Final = 30.0
"""The time to stop after a signal, in seconds. If the process takes longer, it exits with 1."""

_FAILED: Final = 1


def run_worker_process(settings: Settings, role: ProcessRole, announcement: Callable[[LocalContainer], str]) -> None:
    """Run the workers of a role until Ctrl-C or SIGTERM.

    Args:
        settings: the settings of the process.
        role: the key of the workers in `tekana.bootstrap.roles.ROLES`.
        announcement: returns the text to print to stderr at the start.

    Raises:
        MissingAdapter, InvalidRequest: a worker cannot be built.
        UnsafeForProduction: the settings are for production, and one of them or a server is not safe for it.
        Unavailable: the database cannot be started, or not be checked for production.
    """
    configure_logs(is_production=settings.is_production)
    asyncio.run(_run(settings, role, announcement))


async def _run(settings: Settings, role: ProcessRole, announcement: Callable[[LocalContainer], str]) -> None:
    stopping = _stop_on_signals()  # before adapters are imported, which may discard the exception of a Ctrl-C
    container = build_local(settings)
    await check_production(container)
    store = container.store()
    click.echo(f"tekana: {announcement(container)}", err=True)
    try:
        await store.start()
        async with running(workers_of(role, container)):
            await stopping.wait()
    finally:
        await store.stop()
        click.echo("tekana: stopped", err=True)


def _stop_on_signals() -> asyncio.Event:
    """Return an event that the first signal sets. The process exits at the latest GRACE_SECONDS after that.

    The handler is not one of the event loop, so that it runs even if the loop is blocked.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    exit_late = threading.Timer(GRACE_SECONDS, _exit_now)
    exit_late.daemon = True

    def stop(*_: object) -> None:
        if exit_late.ident is None:
            exit_late.start()
            loop.call_soon_threadsafe(stopping.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def _exit_now() -> None:
    with suppress(OSError):
        os.write(2, f"tekana: did not stop within {GRACE_SECONDS:g} seconds\n".encode())
    os._exit(_FAILED)
