"""The supervisor of workers: failed workers are replaced, and connections are served or refused meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.environment import environment as clean_environment
from tests.forked import TEKANA, forked
from tests.integration.test_http_server import _children, _served, _state, _store_url, port

__all__ = ["port"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not here: /proc")

QUICK = """
import tekana_litestar.supervisor as supervisor
supervisor.HEARTBEAT_TIMEOUT_SECONDS = 6.0
"""

# Workers fail to start while a file exists, as with a database that rejects them.
REFUSED_WHILE_THERE = """
import os
import tekana_litestar.server as server
from tekana_litestar.app import create_app

def sometimes(settings, **options):
    if os.path.exists({path!r}):
        raise RuntimeError("cannot start now")
    return create_app(settings, **options)

server.create_app = sometimes
import tekana_litestar.supervisor as supervisor
supervisor._DELAY_MAX_SECONDS = 1.0
"""

# A worker with a file of its own has an engine that cannot recover.
STALLED = (
    QUICK
    + """
import os
from tekana import Unavailable
from tekana.application.engine.posting_engine import PostingEngine

def check_alive(engine):
    if os.path.exists({path!r} + f".{{os.getpid()}}"):
        raise Unavailable("a group of commands has been in flight for too long")

PostingEngine.check_alive = check_alive
"""
)

READY_LINE = """
from functools import partial
import tekana_litestar
from tekana_litestar.server import serve as real
tekana_litestar.serve = partial(real, on_ready=lambda: print("ready", flush=True))
"""


def _workers(process: subprocess.Popen[str]) -> list[int]:
    return [pid for pid in map(int, _children(process.pid)) if "resource_tracker" not in _command(pid)]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def _all_connections_served(port: int, many: int = 24, within_seconds: float = 5.0) -> bool:
    """Return whether each of many new connections gets a response in time."""
    with contextlib.ExitStack() as opened:
        try:
            connections = [
                opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=within_seconds))
                for _ in range(many)
            ]
            for one in connections:
                one.sendall(b"GET /health/live HTTP/1.1\r\nHost: tekana\r\n\r\n")
            return all(one.recv(4096).startswith(b"HTTP/1.1 200") for one in connections)
        except OSError:
            return False


def _wait_until_all_served(port: int, process: subprocess.Popen[str], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not _all_connections_served(port, within_seconds=2.0):
        assert process.poll() is None, "the supervisor ended"
        assert time.monotonic() < end, "some connections are not answered"
        time.sleep(0.1)


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def test_a_stopped_worker_is_replaced(tmp_path: Path, port: int, postgres_url: str) -> None:
    with _served(tmp_path, port, 2, postgres_url, QUICK) as process:
        _wait_until_all_served(port, process)
        stopped, killed = _workers(process)
        os.kill(stopped, signal.SIGSTOP)
        os.kill(killed, signal.SIGKILL)
        _wait_until_all_served(port, process)
        assert not {stopped, killed} & set(_workers(process))
        assert _state(str(stopped)) in ("", "Z")
        code, err = _end(process)
    assert code == 0
    assert "did not respond and was killed" in err


def test_a_worker_whose_engine_cannot_recover_is_replaced(tmp_path: Path, port: int, postgres_url: str) -> None:
    with _served(tmp_path, port, 2, postgres_url, STALLED.format(path=str(tmp_path / "stalled"))) as process:
        _wait_until_all_served(port, process)
        stalled, well = _workers(process)
        (tmp_path / f"stalled.{stalled}").touch()
        end = time.monotonic() + 120
        while stalled in _workers(process):
            assert time.monotonic() < end, "it is still there"
            time.sleep(0.2)
        _wait_until_all_served(port, process)
        assert well in _workers(process)
        code, err = _end(process)
    assert code == 0
    assert f"worker {stalled} did not respond and was killed" in err


@pytest.mark.parametrize("number", [signal.SIGTTOU, signal.SIGTTIN])
def test_signals_of_uvicorn_do_not_change_the_number_of_workers(
    tmp_path: Path, port: int, postgres_url: str, number: signal.Signals
) -> None:
    with _served(tmp_path, port, 2, postgres_url) as process:
        _wait_until_all_served(port, process)
        before = _workers(process)
        process.send_signal(number)
        time.sleep(1.0)
        assert _workers(process) == before
        assert _all_connections_served(port)
        assert _end(process) == (0, "")


def test_a_failed_replacement_is_retried(tmp_path: Path, port: int, postgres_url: str) -> None:
    path = tmp_path / "refused"
    with _served(tmp_path, port, 2, postgres_url, REFUSED_WHILE_THERE.format(path=str(path))) as process:
        _wait_until_all_served(port, process)
        path.touch()
        before = set(_workers(process))
        os.kill(min(before), signal.SIGKILL)
        failed: set[int] = set()
        end = time.monotonic() + 120
        while len(failed - set(_workers(process))) < 2:  # the second attempt comes after a delay
            assert time.monotonic() < end, "replacements are not retried"
            assert process.poll() is None, "the supervisor ended"
            failed |= set(_workers(process)) - before
            time.sleep(0.05)
        path.unlink()
        end = time.monotonic() + 60
        while len(_workers(process)) < 2:
            assert time.monotonic() < end, "the dead worker is not replaced"
            time.sleep(0.1)
        _wait_until_all_served(port, process)
        code, err = _end(process)
    assert code == 0
    assert "ended with exit code 1" in err


def test_service_resumes_after_all_workers_were_killed(tmp_path: Path, port: int, postgres_url: str) -> None:
    with _served(tmp_path, port, 2, postgres_url) as process:
        _wait_until_all_served(port, process)
        for _ in range(2):
            for pid in _workers(process):
                os.kill(pid, signal.SIGKILL)
            _wait_until_all_served(port, process)
        assert _end(process)[0] == 0


def test_the_supervisor_ends_if_no_worker_starts(tmp_path: Path, port: int, postgres_url: str) -> None:
    path = tmp_path / "refused"
    path.touch()
    with _served(tmp_path, port, 2, postgres_url, REFUSED_WHILE_THERE.format(path=str(path))) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "before any worker served" in err
    assert "cannot start now" in err


@pytest.mark.parametrize("workers", [1, 2])
def test_ready_is_reported_when_it_listens(
    tmp_path: Path, port: int, workers: int, request: pytest.FixtureRequest
) -> None:
    with _served(tmp_path, port, workers, _store_url(workers, request), READY_LINE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert _all_connections_served(port)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=120)[0] == "ended\n"


def _tekana(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment()
    command = [*TEKANA, "serve", *arguments]
    return subprocess.run(
        command, **forked(command, environment), capture_output=True, text=True, check=False, timeout=120
    )


def test_several_workers_over_memory_are_refused(port: int) -> None:
    done = _tekana("--port", str(port), "--workers", "2", "--database-url", "memory://")
    assert done.returncode == 2
    assert "workers: must be 1 with memory://" in done.stderr
    assert "Ctrl-C stops" not in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_no_ready_line_on_a_used_port(port: int, workers: int, request: pytest.FixtureRequest) -> None:
    with socket.create_server(("127.0.0.1", port)):
        url = _store_url(workers, request)
        done = _tekana("--port", str(port), "--workers", str(workers), "--database-url", url)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Ctrl-C stops" not in done.stderr
