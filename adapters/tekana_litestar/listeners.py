"""The sockets that a server listens on."""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import suppress
from typing import Final

if sys.platform != "win32":
    import resource

_DISTRIBUTES: Final = sys.platform == "linux"  # connections among the sockets that listen on one port
_BACKLOG: Final = 2048
_PORT_MAX: Final = 65535


class Listener:
    """A socket that listens, and can be opened again after it was closed.

    `is_shared`: other sockets may listen on the same port.
    """

    def __init__(self, host: str, port: int, *, is_shared: bool = False) -> None:
        self._host = host
        self._is_shared = is_shared
        self.socket: socket.socket | None = None
        self.port = port
        self.open()

    def open(self) -> socket.socket:
        """The listening socket. Raises OSError if there cannot be one."""
        if self.socket is None:
            self.socket = _listening_socket(self._host, self.port, is_shared=self._is_shared)
            self.port = self.socket.getsockname()[1]
        return self.socket

    def close(self) -> None:
        """Close it. Connections that wait in it are reset."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def listen(host: str, port: int, workers: int) -> list[Listener]:
    """Take the port with a listener for each worker, or one for all if the system does not distribute connections.

    On one socket that all workers share, a worker that is awake takes all connections that wait: of 256 connections
    that came at once, one of two workers took 235.

    Raises:
        OSError: the port cannot be had.
    """
    if workers == 1 or not _DISTRIBUTES:
        return [Listener(host, port)]
    alone = Listener(host, port)  # no other process has it, not even with sockets that share it
    port = alone.port
    alone.close()
    listeners: list[Listener] = []
    try:
        for _ in range(workers):
            listeners.append(Listener(host, port, is_shared=True))  # noqa: PERF401 - the open ones have to be closed
    except OSError:
        for one in listeners:
            one.close()
        raise
    return listeners


def _listening_socket(host: str, port: int, *, is_shared: bool) -> socket.socket:
    if not 0 <= port <= _PORT_MAX:  # the C library would take the number modulo 65536
        raise OSError(errno.EINVAL, "a port is a number from 0 to 65535")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def raise_open_files_limit() -> None:
    """Let this process and its workers have as many files open as the system allows: each connection is one.

    The usual limit is 1024, and a process that has reached it cannot even refuse a request.
    """
    if sys.platform != "win32":
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # some systems refuse the number that they name
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
