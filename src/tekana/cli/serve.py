"""`tekana serve`: the HTTP door, and everything behind it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from tekana.bootstrap import Settings, connect
from tekana.bootstrap.adapters import find_store, load
from tekana.cli.options import private_webhooks, settings, the_bus, where_data_are
from tekana.domain.errors import Unavailable


@click.command
@click.option("--host", default="127.0.0.1", envvar="TEKANA_HOST", show_envvar=True, help="The address to listen on.")
@click.option("--port", default=3333, envvar="TEKANA_PORT", show_envvar=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers", default=1, envvar="TEKANA_WORKERS", show_envvar=True, type=click.IntRange(1, 64), help="Processes."
)
@click.option("--currency", envvar="TEKANA_CURRENCY", show_envvar=True, help="Of first wallets. [default: RWF]")
@click.option(
    "--read-database-url",
    envvar="TEKANA_READ_DATABASE_URL",
    show_envvar=True,
    metavar="URL",
    help="A replica of the database, to read from.",
)
@the_bus
@private_webhooks
@where_data_are
def serve(
    host: str,
    port: int,
    workers: int,
    currency: str | None,
    database_url: str | None,
    data_dir: Path | None,
    **others: Any,
) -> None:
    """Serve HTTP until Ctrl-C or SIGTERM.

    With --bus-url, one of the workers publishes what happens; `tekana relay` does so in a process of its own.
    Webhooks are delivered meanwhile; `tekana webhooks` does so in a process of its own.
    Without settings, starts a PostgreSQL of its own, whose data stay in the user's data folder.
    """
    chosen = settings(
        database_url,
        data_dir,
        existing=False,
        currency=currency,
        **{name: value or None for name, value in others.items()},
    )
    serve_http = load("tekana.servers", "litestar")
    store = find_store(chosen.database_url, None, chosen.read_database_url)
    click.echo(f"tekana: starting, data in {store.location}", err=True)
    # Held here for as long as the workers run: they join a database that is started once, with its schema in place.
    asyncio.run(store.start())
    try:
        asyncio.run(_warn(chosen))
        click.echo(f"tekana: http://{host}:{port}  docs: http://{host}:{port}/api  (Ctrl-C stops)", err=True)
        with _deaf():  # but for the server's own ears
            code = serve_http(chosen, host=host, port=port, workers=workers)
    finally:
        with _deaf():
            asyncio.run(store.stop())
            click.echo("tekana: stopped", err=True)
    sys.exit(code)


async def _warn(chosen: Settings) -> None:
    """Say on stderr what an operator should know before anybody is served."""
    async with connect(chosen) as app:
        try:
            for warning in await app.check_ready():
                click.echo(f"tekana: WARNING: {warning}", err=True)
        except Unavailable as error:
            click.echo(f"tekana: not ready yet, serving 503 until it is: {error}", err=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Whoever presses Ctrl-C twice does not get less: what was begun is finished, and the database stopped."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
