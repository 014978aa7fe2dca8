"""`serve` in a separate process: it starts, reports why it cannot, and finishes its requests before it stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.session import session
from tests.environment import environment as clean_environment
from tests.forked import forked
from tests.integration.http_support import assert_whole
from tests.keys import KEY_FILE, OPERATOR_KEY
from tests.serving import free_port, http

PROGRAM = """
import sys
from tekana import Settings
from tekana_litestar import serve
if __name__ == "__main__":
    url, port, workers, key_file = sys.argv[1:]
    settings = Settings.from_environment(given={"database_url": url, "key_file": key_file})
    before = dict(__import__("os").environ)
    code = serve(settings, host="127.0.0.1", port=int(port), workers=int(workers))
    assert dict(__import__("os").environ) == before
    print("ended", flush=True)
    sys.exit(code)
"""

SLOW_STORE = """
import asyncio
from contextlib import asynccontextmanager
from tekana_memory import MemoryStore

class SlowStore(MemoryStore):
    @asynccontextmanager
    async def begin(self):
        await asyncio.sleep(1.0)
        async with MemoryStore.begin(self) as unit:
            yield unit

import tekana.bootstrap.container as container
container.LocalContainer.store.set_provides(lambda url, clock, *_: SlowStore(url, clock=clock))
"""


@pytest.fixture
def port() -> int:
    """Return a free port."""
    return free_port()


@contextlib.contextmanager
def _served(
    tmp_path: Path, port: int, workers: int = 1, url: str = "memory://", prelude: str = ""
) -> Iterator[subprocess.Popen[str]]:
    program = tmp_path / "program.py"
    program.write_text(prelude + PROGRAM)
    command = [sys.executable, str(program), url, str(port), str(workers), str(KEY_FILE)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, **forked(command, clean_environment()), **pipes, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            workers = _children(process.pid)
            process.kill()
            for pid in workers:  # orphaned workers would continue, and hold the pipes open
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        process.communicate()


def _wait_until_ready(port: int, process: subprocess.Popen[str]) -> httpx.Response:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            return http.get(f"http://127.0.0.1:{port}/health/ready", timeout=5)
        time.sleep(0.05)
    raise AssertionError(f"not ready: {process.poll()}")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_stops_cleanly_on_a_signal(
    tmp_path: Path, port: int, workers: int, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    with _served(tmp_path, port, workers, _store_url(workers, request)) as process:
        answer = _wait_until_ready(port, process)
        assert answer.json()["status"] == "ready"
        assert "server" not in answer.headers
        children = _children(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "ended\n", "")
    _wait_until_gone(children)
    with pytest.raises(httpx.ConnectError):
        http.get(f"http://127.0.0.1:{port}/health/live")


def _store_url(workers: int, request: pytest.FixtureRequest) -> str:
    """Return the URL of a store that all workers share: several workers need PostgreSQL."""
    return "memory://" if workers == 1 else str(request.getfixturevalue("postgres_url"))


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if Path("/proc/self").exists() else []


def _wait_until_gone(pids: list[str]) -> None:
    """Wait until the processes have ended. Python's resource tracker ends a moment after the workers."""
    end = time.monotonic() + 10
    while running := [pid for pid in pids if _state(pid) not in ("", "Z")]:
        assert time.monotonic() < end, running
        time.sleep(0.05)


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except FileNotFoundError:
        return ""


def test_the_server_finishes_requests_in_flight(tmp_path: Path, port: int) -> None:
    body = {"full_name": "A B", "email": "a@example.com", "phone_number": "+250788123456"}
    with _served(tmp_path, port, prelude=SLOW_STORE) as process, ThreadPoolExecutor() as threads:
        _wait_until_ready(port, process)
        in_flight = threads.submit(http.post, f"http://127.0.0.1:{port}/v1/customers", json=body, timeout=20)
        time.sleep(0.5)  # the request has arrived, and waits for the store
        process.send_signal(signal.SIGTERM)
        assert in_flight.result().status_code == 201
        assert process.wait(timeout=30) == 0


async def test_a_thousand_disconnected_clients_leave_no_connection_open(
    tmp_path: Path, port: int, postgres_url: str
) -> None:
    async with session(postgres_url) as app:
        wallet = await a_wallet(app)
    requests = [_deposit_request(wallet.id, f"key {number}") for number in range(1000)]
    with _served(tmp_path, port, url=postgres_url) as process:
        _wait_until_ready(port, process)
        for begin in range(0, 1000, 250):  # in groups, as the limit of open files is low in tests
            await asyncio.gather(*(_send_and_hang_up(port, request) for request in requests[begin : begin + 250]))
        at_once = await asyncio.gather(*(_answer(port, request) for request in [*requests[-15:], *requests[:15]]))
        # More requests than there are connections to the database.
        assert {answer.split(b" ")[1] for answer in at_once} == {b"201"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0  # no request is left waiting
    async with session(postgres_url) as app:
        before = await app.wallets.get(wallet.id)
        assert before.ledger_balance == before.version <= 1000
        keys = [f"key {number}" for number in range(1000)]
        done = await asyncio.gather(*(app.submit(builders.deposit(wallet.id, "1"), key=key) for key in keys))
        assert sum(one.replayed for one in done) == before.version
        assert (await app.wallets.get(wallet.id)).ledger_balance == 1000  # each deposit once
        await assert_whole(app)


def _deposit_request(wallet_id: UUID, key: str) -> bytes:
    body = f'{{"type":"deposit","wallet_id":"{wallet_id}","amount":"1","currency":"RWF"}}'
    head = f"POST /v1/transactions HTTP/1.1\r\nHost: test\r\nIdempotency-Key: {key}\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {OPERATOR_KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def _send_and_hang_up(port: int, request: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _answer(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="not here: Linux, which has /proc and distributes connections")
def test_connections_are_distributed_evenly_and_a_dead_worker_is_replaced(
    tmp_path: Path, port: int, postgres_url: str
) -> None:
    with _served(tmp_path, port, 2, postgres_url) as process, contextlib.ExitStack() as opened:
        _wait_until_ready(port, process)
        _connect(port, 200, opened)
        counts = _connections(process.pid, port)
        assert sum(counts.values()) == 200
        assert len(counts) == 2
        assert min(counts.values()) >= 50  # with even distribution, fewer has a probability of 1 in 10^12

        os.kill(min(counts), signal.SIGKILL)
        _connect(port, 50, opened)  # connections of the dead worker wait for its replacement
        after = _connections(process.pid, port)
        assert len(after) == 2
        assert len(after.keys() & counts.keys()) == 1
        opened.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_workers_stop_when_their_parent_is_killed(tmp_path: Path, port: int, postgres_url: str) -> None:
    with _served(tmp_path, port, 2, postgres_url) as process:
        _wait_until_ready(port, process)
        workers = _children(process.pid)
        process.kill()
        process.wait()
        _wait_until_gone(workers)
        with pytest.raises(httpx.ConnectError):
            http.get(f"http://127.0.0.1:{port}/health/live")


def _connect(port: int, many: int, opened: contextlib.ExitStack) -> None:
    """Open `many` connections concurrently, and get a response on each."""
    made = [opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(many)]
    for one in made:
        one.sendall(b"GET /health/live HTTP/1.1\r\nHost: tekana\r\n\r\n")
    for one in made:
        assert one.recv(4096).startswith(b"HTTP/1.1 200")


def _connections(parent: int, port: int) -> dict[int, int]:
    """Return the number of connections to the port by child process."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = {fields[9] for fields in lines if int(fields[1].split(":")[1], 16) == port and fields[3] == "01"}
    counts: dict[int, int] = {}
    for pid in map(int, _children(parent)):
        with contextlib.suppress(FileNotFoundError):
            links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
            held = sum(link.removeprefix("socket:[").removesuffix("]") in mine for link in links)
            if held:
                counts[pid] = held
    return counts


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_of_another_tekana_is_reported(tmp_path: Path, port: int, workers: int, postgres_url: str) -> None:
    with _served(tmp_path, port, 2, postgres_url) as first:
        _wait_until_ready(port, first)
        (tmp_path / "second").mkdir()
        with _served(tmp_path / "second", port, workers, postgres_url) as second:
            _, err = second.communicate(timeout=30)
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=30) == 0
    assert second.returncode == 1
    assert "Address already in use" in err


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_is_reported(tmp_path: Path, port: int, workers: int, postgres_url: str) -> None:
    with socket.create_server(("127.0.0.1", port)), _served(tmp_path, port, workers, postgres_url) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == f"tekana: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_an_invalid_port_is_reported(tmp_path: Path) -> None:
    with _served(tmp_path, 70_000) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "tekana: cannot listen on 127.0.0.1:70000: a port is a number from 0 to 65535\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_store_without_an_adapter_is_reported(tmp_path: Path, port: int, workers: int) -> None:
    with _served(tmp_path, port, workers, url="carrier-pigeon://loft") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith("tekana: no adapter for 'carrier-pigeon' is installed")
    assert "Traceback" not in err


def test_a_body_over_the_limit_is_refused_on_a_real_socket(tmp_path: Path, port: int) -> None:
    with _served(tmp_path, port) as process:
        _wait_until_ready(port, process)
        for size in (64 * 1024 + 1, 900_000):
            for content in (b" " * size, iter([b" " * size])):
                answer = http.post(
                    f"http://127.0.0.1:{port}/v1/customers",
                    content=content,
                    headers={"Content-Type": "application/json"},
                )
                assert (answer.status_code, answer.json()["code"]) == (413, "invalid_request")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
