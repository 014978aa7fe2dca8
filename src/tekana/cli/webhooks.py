"""`tekana webhooks`: delivers webhooks, in a process of its own."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import rich_click as click

from tekana.bootstrap import Settings
from tekana.bootstrap.lifespan import build
from tekana.cli.options import private_webhooks, settings, where_data_are
from tekana.cli.relay import tell_on_stderr


@click.command
@private_webhooks
@where_data_are
def webhooks(webhooks_allow_private: bool, database_url: str | None, data_dir: Path | None) -> None:
    """Deliver webhooks until Ctrl-C or SIGTERM.

    Run as many as you like: they share the work. `tekana serve` does the same beside serving.
    """
    chosen = settings(database_url, data_dir, webhooks_allow_private=webhooks_allow_private or None)
    tell_on_stderr()
    asyncio.run(_deliver(chosen))


async def _deliver(chosen: Settings) -> None:
    container = build(chosen)
    store, dispatcher = container.store(), container.webhook_dispatcher()
    click.echo(f"tekana: delivering webhooks, data in {store.location}", err=True)
    await store.start()
    try:
        delivering = asyncio.create_task(dispatcher.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, delivering.cancel)
        await asyncio.wait([delivering])
        if not delivering.cancelled():
            delivering.result()
    finally:
        await store.stop()
        click.echo("tekana: stopped", err=True)
