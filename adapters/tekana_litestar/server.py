"""Serving the app with uvicorn: in this process, or in several workers under a supervisor."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Final

import uvicorn
from litestar import Litestar

from tekana import Settings, TekanaError, Unavailable
from tekana.bootstrap.lifespan import build
from tekana.bootstrap.logs import configure_logs
from tekana.bootstrap.production import check_settings
from tekana.domain.errors import invalid
from tekana.domain.identifiers import STRIPES_MAX
from tekana_litestar.app import create_app
from tekana_litestar.listeners import Listener, listen, raise_open_files_limit
from tekana_litestar.log_limits import RepeatLimit
from tekana_litestar.middleware import REQUEST_TIMEOUT_SECONDS
from tekana_litestar.protocol import HttpProtocol
from tekana_litestar.protocol.limits import IDLE_TIMEOUT_SECONDS
from tekana_litestar.request_log import print_access_log
from tekana_litestar.shared_metrics import SHARED_FOLDER, forget_worker
from tekana_litestar.signals import Handler, handling
from tekana_litestar.supervisor import BEAT, STOPPING, Supervisor, end_with_parent, report
from tekana_litestar.tls import STRICT_TRANSPORT_SECURITY, hangup_handlers, reload_certificate, server_context

_FAILED: Final = 1
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int,
    prepare: Callable[[], None] = lambda: None,
    on_ready: Callable[[], None] | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM, let requests in flight end, and return the process's exit code.

    Args:
        settings: several workers get them as TEKANA_ variables.
        host: the address to listen on.
        port: the port to listen on.
        workers: how many processes serve.
        prepare: called once the port is taken, before anything is served; connections wait meanwhile.
        on_ready: called once when all of them accept connections.

    Raises:
        InvalidRequest: several workers would each have a ledger of its own, or the certificate cannot be used, or a
            setting is not safe for production.
    """
    if workers > 1 and settings.role == "all" and settings.database_url.startswith("memory:"):
        raise invalid("workers", "must be 1 with memory://, as each worker would have a ledger of its own")
    check_settings(settings, host=host)
    server_context(settings)  # so that files that cannot be used are reported once, and not by each worker
    listeners = _take_port(settings, host, port, workers)
    if not listeners:
        return _FAILED
    raise_open_files_limit()
    try:
        prepare()
        if workers == 1:
            return _serve_one(settings, listeners[0], on_ready)
        return _serve_several(settings, listeners, workers, on_ready)
    finally:
        for listener in listeners:
            listener.close()


def _take_port(settings: Settings, host: str, port: int, workers: int) -> list[Listener]:
    """Return the listeners; none, after a message, if an adapter is missing or the port cannot be used."""
    try:
        build(settings).app()  # so that a missing adapter is reported once, and not by each worker
        return listen(host, port, workers)
    except (TekanaError, OSError) as error:
        reason = f"cannot listen on {host}:{port}: {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"tekana: {reason}", file=sys.stderr)
        return []


class Server(uvicorn.Server):
    """A server that a second Ctrl-C does not cut off, and that reports to a supervisor if it has one."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], None] | None = None,
        reports: Connection | None = None,
        is_alive: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._reports = reports
        self._is_alive = is_alive

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Report once in ten ticks, which is once a second whatever the system's clock does, while alive."""
        if counter % 10 == 0 and self._reports is not None and self._is_alive():
            report(self._reports, BEAT)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests in flight end."""
        if self._reports is not None:
            report(self._reports, STOPPING)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, or go on with it."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


def run_worker(listener: socket.socket, reports: Connection, number: int) -> None:
    """Serve in a worker process: the app that the TEKANA_ variables describe. Each has house wallets of its own."""
    end_with_parent()
    settings = Settings.from_environment()
    app = _app(settings, stripe=number % STRIPES_MAX)
    context = server_context(settings)
    with handling(_reload_handlers(context, settings)):
        serve_and_report(_config(app, settings, context), listener, reports, partial(_is_alive, app))


def serve_and_report(
    config: uvicorn.Config, listener: socket.socket, reports: Connection, is_alive: Callable[[], bool] = lambda: True
) -> None:
    """Serve on the listener, and report to the supervisor."""
    os.set_blocking(reports.fileno(), False)  # a supervisor that does not read holds nothing up
    Server(config, reports=reports, is_alive=is_alive).run(sockets=[listener])


def _is_alive(app: Litestar) -> bool:
    """Return whether an app that was started can do its work, now or later: see Tekana.check_alive."""
    try:
        app.state.tekana.check_alive()
    except Unavailable:
        return False
    return True


def _app(settings: Settings, *, stripe: int = 0) -> Litestar:
    configure_logs(is_production=settings.is_production)
    if settings.access_log:
        print_access_log()
    app = create_app(settings, stripe=stripe)
    app.on_startup.append(_tune_gc)
    return app


def _tune_gc() -> None:
    """Look for garbage less often: with the defaults that takes a tenth of the engine's time.

    What is there at the start stays, and a busy server leaves few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _config(app: Litestar, settings: Settings, context: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        headers=[STRICT_TRANSPORT_SECURITY] if settings.has_tls else [],
        ssl_context_factory=None if context is None else lambda *_: context,
        http=HttpProtocol,
        lifespan="on",
        log_config=None,  # configure_logs has set it up
        log_level="warning",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(IDLE_TIMEOUT_SECONDS),
        timeout_graceful_shutdown=int(REQUEST_TIMEOUT_SECONDS) + 5,
    )
    logging.getLogger("uvicorn.error").addFilter(_repeat_limit)
    return config


_repeat_limit = RepeatLimit()


def _reload_handlers(context: ssl.SSLContext | None, settings: Settings) -> dict[int, Handler]:
    """Return the handler of SIGHUP that replaces the certificate of a context."""
    return {} if context is None else hangup_handlers(partial(reload_certificate, context, settings), settings)


def _serve_one(settings: Settings, listener: Listener, on_ready: Callable[[], None] | None) -> int:
    context = server_context(settings)
    server = Server(_config(_app(settings), settings, context), on_ready=on_ready)

    def stop(*_: Any) -> None:
        server.should_exit = True

    # uvicorn raises a signal again once it has stopped, which then calls this.
    with handling(dict.fromkeys(_SIGNALS, stop) | _reload_handlers(context, settings)):
        try:
            server.run(sockets=[listener.open()])
        except SystemExit as error:  # the app did not start; uvicorn has logged why
            return error.code if isinstance(error.code, int) else _FAILED
    return 0


def _serve_several(
    settings: Settings, listeners: list[Listener], workers: int, on_ready: Callable[[], None] | None
) -> int:
    configure_logs(is_production=settings.is_production)
    supervisor = Supervisor(run_worker, listeners, workers, on_ready=on_ready, on_end=forget_worker)
    with _environment(settings), _shared_metrics(), handling(hangup_handlers(supervisor.hang_up_workers, settings)):
        return supervisor.run()


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """Have workers that are started meanwhile keep their metrics in one folder, so that each reports those of all."""
    if SHARED_FOLDER in os.environ:
        yield
        return
    try:
        folder = tempfile.mkdtemp(prefix="tekana-metrics-")
    except OSError as error:
        print(f"tekana: each worker reports its own metrics alone: {error.strerror}", file=sys.stderr)
        yield
        return
    os.environ[SHARED_FOLDER] = folder
    try:
        yield
    finally:
        del os.environ[SHARED_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    # That of an unset one is empty, as a variable of that name may be there, which belongs to other settings.
    variables = settings.variables()
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
