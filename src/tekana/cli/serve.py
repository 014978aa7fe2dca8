"""`tekana serve`: the HTTP door, and everything behind it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from tekana.bootstrap import Settings, connect
from tekana.bootstrap.adapters import load
from tekana.bootstrap.lifespan import build, build_local
from tekana.bootstrap.settings import ROLES
from tekana.cli.options import kept_events, private_webhooks, settings, the_bus, where_data_are
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
@click.option(
    "--role",
    envvar="TEKANA_ROLE",
    show_envvar=True,
    type=click.Choice(ROLES),
    help="What this process does of the work; all but `all` need --bus-url. [default: all]",
)
@the_bus
@kept_events
@private_webhooks
@where_data_are
def serve(host: str, port: int, workers: int, database_url: str | None, data_dir: Path | None, **more: Any) -> None:
    """Serve HTTP until Ctrl-C or SIGTERM.

    With --bus-url, one of the workers publishes what happens; `tekana relay` does so in a process of its own.
    Webhooks are delivered meanwhile; `tekana webhooks` does so in a process of its own.
    Without settings, starts a PostgreSQL of its own, whose data stay in the user's data folder.

    With --role gateway, answers HTTP without a database: the services do the work, which are processes with
    --role customer, wallet and transaction, and tell their own health over HTTP.
    """
    chosen = settings(database_url, data_dir, existing=False, **{name: value or None for name, value in more.items()})
    serve_http = load("tekana.servers", "litestar")
    container = build(chosen)
    click.echo(f"tekana: starting, data in {container.readers().location}", err=True)
    # Held here for as long as the workers run: they join a database that is started once, with its schema in place.
    held = None if chosen.role == "gateway" else build_local(chosen).store()
    if held is not None:
        asyncio.run(held.start())
    try:
        with _signals_to(_leave):  # until the server has ears of its own
            asyncio.run(_warn(chosen))
            docs = f"  docs: http://{host}:{port}/api" if chosen.has_clients else f"  {chosen.role} service"

            def report_ready() -> None:
                click.echo(f"tekana: http://{host}:{port}{docs}  (Ctrl-C stops)", err=True)

            code = serve_http(chosen, host=host, port=port, workers=workers, on_ready=report_ready)
    finally:
        # Whoever presses Ctrl-C twice does not get less: what was begun is finished, and the database stopped.
        with _signals_to(signal.SIG_IGN):
            if held is not None:
                asyncio.run(held.stop())
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


def _leave(*_: object) -> None:
    raise SystemExit(0)


@contextmanager
def _signals_to(handler: Callable[..., None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
