"""`tekana relay`: publishes what happens, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import rich_click as click

from tekana.bootstrap import Settings
from tekana.bootstrap.lifespan import build
from tekana.cli.options import kept_events, settings, the_bus, where_data_are


@click.command
@the_bus
@kept_events
@where_data_are
def relay(bus_url: str | None, keep_events: int | None, database_url: str | None, data_dir: Path | None) -> None:
    """Publish what happens until Ctrl-C or SIGTERM.

    Run as many as you like: one works, the others stand by, and take over within seconds.
    """
    chosen = settings(database_url, data_dir, bus_url=bus_url or None, keep_events=keep_events)
    if chosen.bus_url is None:
        raise click.UsageError("say where to publish, with --bus-url or TEKANA_BUS_URL")
    tell_on_stderr()
    asyncio.run(_relay(chosen))


def tell_on_stderr() -> None:
    """Show what is logged, from INFO on, as lines of the command."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("tekana: %(message)s"))
    log = logging.getLogger("tekana")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


async def _relay(chosen: Settings) -> None:
    container = build(chosen)
    store, publisher = container.store(), container.publisher()
    click.echo(f"tekana: relaying from {store.location} to {publisher.location}", err=True)
    await store.start()
    try:
        relaying = asyncio.create_task(container.relay().run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, relaying.cancel)
        await asyncio.wait([relaying])
        if not relaying.cancelled():
            relaying.result()
    finally:
        await store.stop()
        click.echo("tekana: stopped", err=True)
