"""Size limits and deadlines of connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tekana_litestar import create_app
from tekana_litestar.log_limits import RepeatLimit
from tekana_litestar.openapi import document
from tekana_litestar.protocol import limits, responding
from tests.integration.http_support import assert_whole
from tests.integration.raw_http import Peer, balance, connected, deposit, listening, new_wallet, request
from tests.keys import OPERATOR_KEY

KIB = 1024


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = create_app("memory://")
    async with listening(app) as number:
        yield number
        await assert_whole(app.state.tekana)


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the deadlines."""
    monkeypatch.setattr(limits, "CHECK_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_SECONDS", 0.4)
    monkeypatch.setattr(limits, "BODY_TIMEOUT_SECONDS", 0.8)
    monkeypatch.setattr(limits, "IDLE_TIMEOUT_SECONDS", 1.2)
    monkeypatch.setattr(limits, "WRITE_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.3)


async def assert_refused(peer: Peer, status: int) -> None:
    answer = await peer.receive()
    assert (answer.status, answer.json()["status"], answer.headers["connection"]) == (status, status, "close")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.json().keys() == documented(status).keys()
    assert await peer.read_to_end() == b""


def documented(status: int) -> dict[str, object]:
    """The example of this refusal in the OpenAPI document."""
    operation = json.loads(document())["paths"]["/v1/wallets"]["get"]
    [example] = operation["responses"][str(status)]["content"]["application/problem+json"]["examples"].values()
    value: dict[str, object] = example["value"]
    return value


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Large: " + b"x" * 64 * KIB + b"\r\n",
        b"".join(b"X-%d: %b\r\n" % (number, b"x" * 1_000) for number in range(100)),
        b"".join(b"X-%d: x\r\n" % number for number in range(129)),
        b"X: x\r\n" * 10_000,
    ],
)
@pytest.mark.parametrize("path", ["/health/live", "/" + "x" * 10])
async def test_headers_over_a_limit_are_refused(port: int, headers: bytes, path: str) -> None:
    async with connected(port) as peer:
        await peer.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n".encode() + headers + b"\r\n")
        await assert_refused(peer, 431)


async def test_a_path_over_the_limit_is_refused(port: int) -> None:
    async with connected(port) as peer:
        await peer.send(b"GET /" + b"x" * 65 * KIB + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        await assert_refused(peer, 431)


async def test_headers_within_the_limits_are_accepted(port: int) -> None:
    headers = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 500) for number in range(120))
    async with connected(port) as peer:
        for _ in range(3):
            answer = await peer.ask(b"GET /health/live HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n")
            assert answer.status == 200


def resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@pytest.mark.parametrize("line", [b"x" * 64 * KIB, b"X: x\r\n" * 10_000])
async def test_endless_headers_do_not_grow_memory(port: int, line: bytes) -> None:
    before = resident_kib()
    async with connected(port) as peer:
        with contextlib.suppress(ConnectionError):
            await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", *[line] * 3_000, pause_seconds=0)  # 190 MB
        with contextlib.suppress(ConnectionError):
            assert (await peer.receive()).status == 431
            assert await peer.read_to_end() == b""
    assert resident_kib() - before < 20 * KIB


@pytest.mark.parametrize(
    "ends", [b"0\r\nX-Large: " + b"x" * 200 * KIB, b"0;" + b"x" * 200 * KIB, b"0\r\n" + b"X: x\r\n" * 50_000]
)
async def test_endless_trailers_and_chunk_extensions_are_refused(port: int, ends: bytes) -> None:
    async with connected(port) as peer:
        head = f"POST /v1/customers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {OPERATOR_KEY}\r\n".encode()
        head += b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
        await peer.send(
            head, *(ends[start : start + 8_000] for start in range(0, len(ends), 8_000)), pause_seconds=0.01
        )
        await assert_refused(peer, 431)


async def test_endless_line_ends_are_refused(port: int) -> None:
    async with connected(port) as peer:
        await peer.send(*[b"\r\n" * 20_000] * 4)
        await assert_refused(peer, 431)


@pytest.mark.usefixtures("short_deadlines")
async def test_a_slow_head_is_refused_at_the_deadline(port: int) -> None:
    began = time.monotonic()
    async with connected(port) as peer:
        await peer.send(request("GET", "/health/live"))
        assert (await peer.receive()).status == 200
        await peer.send(*(bytes([byte]) for byte in b"GET /health/"))
        await assert_refused(peer, 408)
    assert 0.4 < time.monotonic() - began < 1.2


@pytest.mark.usefixtures("short_deadlines")
async def test_a_missing_body_is_refused_at_the_deadline(port: int) -> None:
    wallet = await new_wallet(port)
    whole = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="late")
    for sent in (whole, whole.replace(b"transactions", b"transactions?dry_run=true")):
        async with connected(port) as peer:
            await peer.send(sent[:-3])
            await assert_refused(peer, 408)
    assert await balance(port, wallet) == "0"


@pytest.mark.usefixtures("short_deadlines")
async def test_a_slow_body_is_refused_at_the_deadline(port: int) -> None:
    wallet = await new_wallet(port)
    whole = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="slow")
    async with connected(port) as peer:
        await peer.send(whole[:-3], b"W", b'F"', pause_seconds=0.3)
        assert not await peer.is_silent(2)
        await peer.send(b"}")


@pytest.mark.usefixtures("short_deadlines")
async def test_idle_connections_are_closed(port: int) -> None:
    began = time.monotonic()
    async with connected(port) as silent, connected(port) as idle, connected(port) as line_ends:
        await idle.ask(request("GET", "/health/live"))
        sending = asyncio.create_task(line_ends.send(*[b"\r\n"] * 20, pause_seconds=0.1))
        assert [await peer.read_to_end(3) for peer in (silent, idle, line_ends)] == [b""] * 3
        sending.cancel()
    assert 1.1 < time.monotonic() - began < 2.5


@pytest.mark.usefixtures("short_deadlines")
async def test_an_idle_connection_in_use_is_kept(port: int) -> None:
    async with connected(port) as peer:
        for _ in range(4):
            assert (await peer.ask(request("GET", "/health/live"))).status == 200
            await asyncio.sleep(0.6)


@pytest.mark.usefixtures("short_deadlines")
async def test_a_client_that_does_not_read_is_disconnected(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        sent = request("GET", "/api/openapi.json") * 200
        ended = time.monotonic() + 5
        with pytest.raises(ConnectionError):
            while time.monotonic() < ended:
                await asyncio.sleep(0.1)
                try:
                    client.send(sent)
                except BlockingIOError:
                    client.getpeername()
                    if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                        raise ConnectionError from None


@pytest.mark.usefixtures("short_deadlines")
async def test_streams_have_no_deadline(port: int) -> None:
    async with connected(port) as peer:
        await peer.send(request("GET", "/v1/events", Accept="text/event-stream"))
        assert (await peer.receive()).status == 200
        with pytest.raises(TimeoutError):
            await peer.read_to_end(3)


async def test_many_pipelined_requests_are_not_buffered(port: int) -> None:
    before = resident_kib()
    flood = request("GET", "/health/live") * 20_000
    async with connected(port) as peer:
        sending = asyncio.create_task(peer.send(flood, flood, flood))
        for _ in range(60_000):
            assert (await peer.receive()).status == 200
        await sending
    assert resident_kib() - before < 40 * KIB


async def test_refusals_do_not_fill_the_log(
    port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responding._log, "filters", [RepeatLimit()])
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            async with connected(port) as peer:
                await peer.ask(b"nonsense\r\n\r\n")
        await asyncio.sleep(1.1)
        async with connected(port) as peer:
            answer = await peer.ask(b"nonsense\r\n\r\n")
    lines = [record.getMessage() for record in caplog.records]
    assert 2 <= len(lines) <= 4, lines
    assert answer.json()["request_id"] in lines[-1]
    assert "more like this" in lines[-1]
