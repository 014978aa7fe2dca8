"""Processes that a benchmark starts, and always stops."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType

from benchmarks.key import BEARER
from benchmarks.server import CannotMeasure

ROOT = Path(__file__).resolve().parent.parent

_START_SECONDS = 60
_STOP_SECONDS = 60
_BUS_SECRET = secrets.token_hex(32)  # which the processes of a benchmark share

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SIGNAL_WHEN_PARENT_ENDS = 1  # PR_SET_PDEATHSIG


def end_with_parent() -> None:
    """In a forked child: request SIGTERM for when its parent ends, even by SIGKILL. Does nothing except on Linux."""
    if _LIBC is not None:
        _LIBC.prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGTERM)


class Service:
    """An HTTP server on this machine."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its workers have used, from /proc."""
        parent = Path("/proc", str(self._process.pid))
        children = (parent / "task" / parent.name / "children").read_text().split()
        return sum(_cpu_seconds(pid) for pid in (parent.name, *children))

    def workers_memory(self) -> list[float]:
        """Return the resident memory of each worker process, in MB.

        Raises CannotMeasure where there is no /proc.
        """
        parent = Path("/proc", str(self._process.pid))
        if not parent.exists():
            raise CannotMeasure("the memory of a process is read from /proc, which this machine does not have")
        children = (parent / "task" / parent.name / "children").read_text().split()
        workers = [one for one in children if b"spawn_main" in Path("/proc", one, "cmdline").read_bytes()]
        return [_resident(int(one)) for one in workers or [parent.name]]


def _cpu_seconds(pid: str) -> float:
    values = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    pages = int(Path("/proc", str(pid), "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def tekana_serving(
    database_url: str, *, workers: int, python: Path = Path(sys.executable), root: Path = ROOT
) -> Iterator[Service]:
    """Run `tekana serve` on a database; with `python` and `root`, that of another commit."""
    port = free_port()
    words = ["tekana.cli", "serve", "--port", str(port), "--workers", str(workers), "--database-url", database_url]
    with _serving(words, port, "/health/ready", python=python, root=root) as service:
        yield service


@contextmanager
def role_serving(role: str, bus_url: str, database_url: str | None) -> Iterator[Service]:
    """Run `tekana serve` in one role; a gateway has no database."""
    port = free_port()
    words = ["tekana.cli", "serve", "--port", str(port), "--role", role, "--bus-url", bus_url]
    words += ["--database-url", database_url] if database_url else []
    with _serving(words, port, "/health/ready", variables={"TEKANA_BUS_SECRET": _BUS_SECRET}) as service:
        yield service


@contextmanager
def bare_serving(*, workers: int) -> Iterator[Service]:
    """Serve the bare route on the same HTTP server with the same options as tekana."""
    port = free_port()
    with _serving(["benchmarks.bare", str(port), str(workers)], port, "/") as service:
        yield service


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(
    words: list[str],
    port: int,
    ready: str,
    *,
    python: Path = Path(sys.executable),
    root: Path = ROOT,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Service]:
    with tempfile.TemporaryFile() as output:
        # In its own session, so that Ctrl-C reaches only the benchmark, which stops its servers itself.
        process = subprocess.Popen(
            [python, "-m", *words],
            cwd=root,
            env={**os.environ, **variables},
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - it takes no lock
        )
        try:
            if not _comes_up(process, port, ready):
                output.seek(0)
                raise CannotMeasure(f"{words[0]} did not start: {os.fsdecode(output.read()[-2000:])}")
            yield Service(process, port)
        finally:
            _stop(process)


def _comes_up(process: subprocess.Popen[bytes], port: int, path: str) -> bool:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            if get_status(port, path) == 200:
                return True
        time.sleep(0.05)
    return False


def get_status(port: int, path: str) -> int:
    """Return the status of a GET. Raises OSError if there is no response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=BEARER)
        return connection.getresponse().status
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
