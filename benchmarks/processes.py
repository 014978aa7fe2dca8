"""Processes that a benchmark starts, and stops whatever happens."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.server import CannotMeasure

ROOT = Path(__file__).resolve().parent.parent

_START_SECONDS = 60
_STOP_SECONDS = 60

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SIGNAL_WHEN_PARENT_ENDS = 1  # PR_SET_PDEATHSIG


def end_with_parent() -> None:
    """For the child of a fork: SIGTERM comes when its parent ends, even by SIGKILL. Does nothing but on Linux."""
    if _LIBC is not None:
        _LIBC.prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGTERM)


class Service:
    """A server of HTTP on this machine."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    def cpu_seconds(self) -> float:
        """The processor time that the server and its workers have used, from /proc."""
        parent = Path("/proc", str(self._process.pid))
        children = (parent / "task" / parent.name / "children").read_text().split()
        return sum(_cpu_seconds(pid) for pid in (parent.name, *children))

    def workers_memory(self) -> list[float]:
        """The resident memory of each worker process, in MB.

        Raises CannotMeasure where there is no /proc.
        """
        parent = Path("/proc", str(self._process.pid))
        if not parent.exists():
            raise CannotMeasure("the memory of a process is read from /proc, which is not here")
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
    """`tekana serve` on a database; of another commit, where its Python and folder are given."""
    port = free_port()
    words = ["tekana.cli", "serve", "--port", str(port), "--workers", str(workers), "--database-url", database_url]
    with _serving(words, port, "/health/ready", python=python, root=root) as service:
        yield service


@contextmanager
def role_serving(role: str, bus_url: str, database_url: str | None) -> Iterator[Service]:
    """`tekana serve` in one role; a gateway has no database."""
    port = free_port()
    words = ["tekana.cli", "serve", "--port", str(port), "--role", role, "--bus-url", bus_url]
    words += ["--database-url", database_url] if database_url else []
    with _serving(words, port, "/health/ready") as service:
        yield service


@contextmanager
def bare_serving(*, workers: int) -> Iterator[Service]:
    """The bare route, on the same HTTP server with the same options as tekana's."""
    port = free_port()
    with _serving(["benchmarks.bare", str(port), str(workers)], port, "/") as service:
        yield service


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(
    words: list[str], port: int, ready: str, *, python: Path = Path(sys.executable), root: Path = ROOT
) -> Iterator[Service]:
    with tempfile.TemporaryFile() as told:
        # In a session of its own: a terminal's Ctrl-C is for the benchmark, which then ends its servers in turn.
        process = subprocess.Popen(
            [python, "-m", *words],
            cwd=root,
            start_new_session=True,
            stdout=told,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - it takes no lock
        )
        try:
            if not _comes_up(process, port, ready):
                told.seek(0)
                raise CannotMeasure(f"{words[0]} did not come up: {os.fsdecode(told.read()[-2000:])}")
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
    """The status of a GET. Raises OSError if nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
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
