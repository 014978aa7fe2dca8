"""`tekana serve`: run the HTTP server and its background work."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from tekana.bootstrap import Settings, connect
from tekana.bootstrap.adapters import data_key_store_of
from tekana.bootstrap.entry_points import load
from tekana.bootstrap.key_file import read_key_file
from tekana.bootstrap.lifespan import build, build_local
from tekana.bootstrap.production import check_production
from tekana.bootstrap.settings import DAYS_MAX, HOURS_MAX, ROLES
from tekana.cli.development import DevelopmentKey, is_development, with_development_key
from tekana.cli.failures import explain
from tekana.cli.options import (
    bus_option,
    checkpoint_option,
    database_options,
    environment_option,
    key_provider_option,
    private_webhooks_option,
    retention_option,
    setting,
    settings,
    sign_in_options,
    time_zone_option,
)
from tekana.domain.errors import Unavailable
from tekana.ports.store import Store


@click.command
@setting("--host", default="127.0.0.1", help="The address to listen on.")
@setting("--port", default=3333, type=click.IntRange(1, 65535))
@setting("--workers", default=1, type=click.IntRange(1, 64), help="Processes.")
@setting("--currency", help="Of first wallets. [default: RWF]")
@setting("--read-database-url", metavar="URL", help="A replica of the database, to read from.")
@setting(
    "--role",
    type=click.Choice(ROLES),
    help="What this process does of the work; all but `all` need --bus-url. [default: all]",
)
@setting(
    "--access-log",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    help="Print a line of JSON for this share of the requests, from 0 to 1, and for all that fail. [default: 0]",
)
@setting("--tls-cert", metavar="FILE", help="The certificate with its chain, in PEM format: serve HTTPS.")
@setting("--tls-key", metavar="FILE", help="The private key of the certificate, in PEM format.")
@setting("--tls-by-proxy", is_flag=True, help="A proxy in front terminates TLS.")
@setting("--docs", type=click.Choice(["on", "off"]), help="The documentation page. [default: on; in production off]")
@setting("--cors-origins", metavar="ORIGINS", help="Of the pages that may send requests, separated by commas.")
@setting(
    "--rate-limit",
    metavar="RATE",
    help="Requests of one caller, such as 1000/second, or off. [default: off; in production 1000/second]",
)
@setting(
    "--rate-limit-address",
    metavar="RATE",
    help="Requests from one address, such as 1000/second, or off. [default: off; in production 1000/second]",
)
@setting(
    "--trusted-proxies",
    metavar="NETWORKS",
    help="The proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8, separated by commas.",
)
@setting(
    "--key-file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="A file with the API key of an operator. [default: in development, ~/.tekana/operator.key]",
)
@setting("--approvals", metavar="COMMANDS", help="That a second person has to approve, separated by commas.")
@setting(
    "--approval-hours",
    metavar="HOURS",
    type=click.IntRange(1, HOURS_MAX),
    help="For how long a request can be approved. [default: 24]",
)
@time_zone_option
@environment_option
@checkpoint_option
@bus_option
@retention_option
@setting(
    "--keep-customers",
    metavar="DAYS",
    type=click.IntRange(0, DAYS_MAX),
    help="How long the personal data of closed customers have to be kept before they can be erased. [default: 1825]",
)
@private_webhooks_option
@key_provider_option
@sign_in_options
@database_options
def serve(host: str, port: int, workers: int, database_url: str | None, data_dir: Path | None, **more: Any) -> None:
    """Serve HTTP until Ctrl-C or SIGTERM.

    With --bus-url, one of the workers publishes events; `tekana relay` does so in a process of its own.
    Webhooks are delivered meanwhile; `tekana webhooks` does so in a process of its own.
    Without settings, starts a PostgreSQL of its own, whose data stay in the user's data folder.

    With --role gateway, serves HTTP without a database: commands and queries are executed by the services, which are
    processes with --role customer, wallet and transaction, and serve health checks over HTTP.

    On a loopback address and with data of its own, it is in development mode: the first start makes an operator's API
    key, prints it, and keeps it in the key file.
    """
    given = {name: None if value is False or value == "" else value for name, value in more.items()}
    chosen = settings(database_url, data_dir, existing=False, **given)
    key = None
    if is_development(chosen, host):
        chosen, key = with_development_key(chosen)
    elif chosen.key_file is not None and chosen.role != "gateway":
        read_key_file(Path(chosen.key_file))  # what is wrong with it is said in one line, before anything is started
    stop = _StopSignals()
    store = None
    with _signals_to(signal.SIG_IGN):  # while it stops, ignore a second Ctrl-C, so that requests are finished
        try:
            with _signals_to(stop.leave):  # until the server handles them itself
                serve_http = load("tekana.servers", "litestar")
                asyncio.run(check_production(build(chosen), host=host))
                click.echo(f"tekana: starting, data in {build(chosen).readers().location}", err=True)
                store = None if chosen.role == "gateway" else build_local(chosen).store()
                prepare = partial(_prepare, chosen, store)
                link = _link(host, port, tls=chosen.tls_cert is not None)
                ready = partial(_announce, chosen, link, key, stop)
                code = serve_http(chosen, host=host, port=port, workers=workers, prepare=prepare, on_ready=ready)
        except SystemExit as stopped:
            code = stopped.code
        finally:
            if store is not None:
                asyncio.run(store.stop())
    click.echo("tekana: stopped", err=True)
    sys.exit(code)


class _StopSignals:
    """The signals that end the command while it starts."""

    def __init__(self) -> None:
        self._arrived = False

    def leave(self, *_: object) -> None:
        """Leave the start. The exception may be discarded by what is interrupted, such as an import in C."""
        self._arrived = True
        raise SystemExit(0)

    def repeat(self) -> None:
        """Send a discarded signal again, to the handlers of the server."""
        if self._arrived:
            signal.raise_signal(signal.SIGTERM)


def _prepare(chosen: Settings, store: Store | None) -> None:
    """Start the database that the workers will share, with its schema up to date, and print its warnings.

    Called when the port is taken, so that a port in use is reported before a database is started. Without the master
    key, a process could write nothing, as each unit of work is linked under a key: so it does not start. Nor does one
    whose store keeps no data keys, without which no credential can be verified.
    """
    if store is not None:
        asyncio.run(store.start())
        asyncio.run(_check_master_key(chosen))
    asyncio.run(_warn(chosen))


async def _check_master_key(chosen: Settings) -> None:
    local = build_local(chosen)
    store = data_key_store_of(local.store())
    await store.start()
    try:
        await local.data_keys().check_provider()
    except Unavailable as error:
        raise click.ClickException(f"the master key cannot be read: {explain(error)}") from error
    finally:
        await store.stop()


async def _warn(chosen: Settings) -> None:
    """Print the warnings of the readiness check."""
    async with connect(chosen) as app:
        try:
            for warning in await app.check_ready():
                click.echo(f"tekana: WARNING: {warning}", err=True)
        except Unavailable as error:
            click.echo(f"tekana: not ready yet, serving 503 until it is: {explain(error)}", err=True)


def _announce(chosen: Settings, link: str, key: DevelopmentKey | None, stop: _StopSignals) -> None:
    fragment = "" if key is None else key.fragment
    docs = f"  docs: {link}/api{fragment}" if chosen.serves_docs else ""
    docs = docs if chosen.has_clients else f"  {chosen.role} service"
    click.echo(f"tekana: {link}{docs}  (Ctrl-C stops)", err=True)
    stop.repeat()


def _link(host: str, port: int, *, tls: bool) -> str:
    """Return a URL of the server that a browser on this machine can open."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http{'s' if tls else ''}://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


@contextmanager
def _signals_to(handler: Callable[..., None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
