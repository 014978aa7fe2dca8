"""Serving the app with uvicorn: one process, or several on one port."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Final

import uvicorn
from litestar import Litestar
from uvicorn.supervisors.multiprocess import Multiprocess

from tekana import Settings, TekanaError
from tekana.bootstrap.lifespan import build
from tekana_litestar.app import create_app
from tekana_litestar.middleware import REQUEST_TIMEOUT_SECONDS
from tekana_litestar.protocol import HttpProtocol

if sys.platform != "win32":
    import resource

_FAILED: Final = 1
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_DEALS_OUT: Final = sys.platform == "linux"  # connections, among the sockets that listen on one port


def serve(settings: Settings, *, host: str, port: int, workers: int) -> int:
    """Serve until SIGINT or SIGTERM, let requests in flight end, and give the process's exit code.

    Several workers are processes of their own on one port; the settings reach them as TEKANA_ variables.
    """
    try:
        build(settings).app()  # a missing adapter is told once and clearly, not by each worker
        listeners = listen(host, port, workers)
    except (TekanaError, OSError) as error:
        reason = f"cannot listen on {host}:{port}: {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"tekana: {reason}", file=sys.stderr)
        return _FAILED
    _allow_connections()
    try:
        return _serve_many(settings, listeners, workers) if workers > 1 else _serve_one(settings, listeners)
    finally:
        for listener in listeners:
            listener.close()


def app_from_environment() -> Litestar:
    """The app as the TEKANA_ variables say: what each of several workers builds for itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with_parent, args=(parent,), name="end with the parent", daemon=True).start()
    return _app(Settings.from_environment())


def _exit_with_parent(parent: BaseProcess) -> None:
    """Let requests in flight end, and end, once the parent was killed: nobody else would tell a worker to."""
    parent.join()
    signal.raise_signal(signal.SIGTERM)


def _app(settings: Settings) -> Litestar:
    app = create_app(settings)
    app.on_startup.append(_tune_gc)
    return app


def _tune_gc() -> None:
    """What is there at the start stays, so it is not looked through again; and a busy server leaves few cycles behind.

    As the defaults are, looking for garbage takes a tenth of the engine's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """Take the port, where the system can, with a socket for each worker. Raises OSError if that cannot be.

    The system then deals connections out evenly. On a socket that all share, whoever is awake takes all that wait: of
    256 connections that came in one moment, one of two workers was seen to take 235.
    """
    if workers == 1 or not _DEALS_OUT:
        return [_listener(host, port)]
    with _listener(host, port) as alone:  # nobody else has it, not even with sockets that would share it
        port = alone.getsockname()[1]
    listeners: list[socket.socket] = []
    try:
        for _ in range(workers):
            listeners.append(_listener(host, port, shared=True))  # noqa: PERF401 - what there is has to be closed
    except OSError:
        for one in listeners:
            one.close()
        raise
    return listeners


def _listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    if not 0 <= port <= 65535:  # the C library would take the number modulo 65536
        raise OSError(errno.EINVAL, "a port is a number from 0 to 65535")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def _allow_connections() -> None:
    """Let this process and its workers have as many files open as they may: each connection is one.

    Where nobody says otherwise a process has 1024, and out of files it could not even refuse a request.
    """
    if sys.platform != "win32":
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # some systems take no number as large as the one they name
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _config(app: Litestar | str, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        http=HttpProtocol,
        lifespan="on",
        log_level="warning",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,  # longer than clients' pools keep a connection, so that they hang up first
        timeout_graceful_shutdown=int(REQUEST_TIMEOUT_SECONDS) + 5,
    )


class _PatientServer(uvicorn.Server):
    """A second Ctrl-C does not cut off what the first lets end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, or go on with it."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


class Workers(Multiprocess):
    """Gives each worker its own of several listeners, and the one that takes a dead worker's place the dead one's.

    What comes to it in between waits. One listener is everybody's.
    """

    def __init__(self, config: uvicorn.Config, listeners: list[socket.socket]) -> None:
        super().__init__(config, listeners)
        self._listeners = listeners

    @property  # uvicorn reads it for each worker that it starts
    def sockets(self) -> list[socket.socket]:
        gone = (place for place, worker in enumerate(self.processes) if not worker.process.is_alive())
        place = next(gone, len(self.processes))
        return self._listeners[place : place + 1] or self._listeners

    @sockets.setter
    def sockets(self, _: list[socket.socket]) -> None:
        """Which are whose is said above."""


def _serve_one(settings: Settings, listeners: list[socket.socket]) -> int:
    server = _PatientServer(_config(_app(settings), 1))

    def stop(*_: Any) -> None:
        server.should_exit = True

    # uvicorn raises a signal again once it has stopped; what stands behind it here makes that harmless.
    with _signals_to(stop):
        try:
            server.run(sockets=listeners)
        except SystemExit as error:  # the app did not start; uvicorn has said why
            return error.code if isinstance(error.code, int) else _FAILED
    return 0


def _serve_many(settings: Settings, listeners: list[socket.socket], workers: int) -> int:
    with _environment(settings), _signals_to(signal.SIG_IGN):
        supervisor = Workers(_config("tekana_litestar.server:app_from_environment", workers), listeners)
        supervisor.run()
    failed = any(process.exitcode == uvicorn.config.STARTUP_FAILURE for process in supervisor.processes)
    return _FAILED if failed else 0


@contextmanager
def _signals_to(handler: Callable[..., None] | signal.Handlers) -> Iterator[None]:
    """Handle the signals that end a server, and leave others' handlers as they were."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    # What is not set is set to nothing: a variable of that name was not meant for these settings.
    variables = {f"TEKANA_{name.upper()}": str(value or "") for name, value in asdict(settings).items()}
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
