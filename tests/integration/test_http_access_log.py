"""The access log: one line for each request, whatever answers it, and nothing personal in it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar

from tekana import Settings
from tekana_litestar import create_app
from tekana_litestar.protocol import limits
from tests.integration.http_support import UNKNOWN_ID, client_of, started_app
from tests.integration.raw_http import connected, deposit, listening, new_wallet, request
from tests.keys import register_key

LINE = {"time", "level", "request_id", "method", "route", "status", "duration_ms", "caller"}


class Lines(logging.Handler):
    """Keeps the lines that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.lines.append(json.loads(record.getMessage()))

    async def of(self, request_id: str) -> tuple[Any, ...]:
        """The only line of a request, which may be written a moment after its answer."""
        for _ in range(100):
            if found := [line for line in self.lines if line["request_id"] == request_id]:
                [line] = found
                assert line.keys() == LINE
                assert line["duration_ms"] >= 0
                return line["method"], line["route"], line["status"], line["caller"]
            await asyncio.sleep(0.02)
        raise AssertionError(f"no line of {request_id}: {self.texts}")


@pytest.fixture
def written() -> Any:
    handler, logger = Lines(), logging.getLogger("tekana.access")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)


def logging_app(share: float = 1.0) -> Litestar:
    return create_app(Settings(database_url="memory://", access_log=share))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with listening(logging_app()) as number:
        yield number


async def test_every_request_has_a_line(port: int, written: Lines) -> None:
    async with connected(port) as peer:
        wallet = await new_wallet(port)
        for name, sent, line in (
            ("hot", move(wallet), ("POST", "/v1/transactions", 201, "local")),
            ("again", move(wallet), ("POST", "/v1/transactions", 201, "local")),
            ("hot-bad", move(wallet, b"{}"), ("POST", "/v1/transactions", 400, "local")),
            ("hot-read", get(f"/v1/wallets/{wallet}"), ("GET", "/v1/wallets/{wallet_id}", 200, "local")),
            ("hot-none", get(f"/v1/wallets/{UNKNOWN_ID}"), ("GET", "/v1/wallets/{wallet_id}", 404, "local")),
            ("cold", get(f"/v1/wallets/{wallet}/entries"), ("GET", "/v1/wallets/{wallet_id}/entries", 200, "local")),
            ("query", get("/v1/customers?email=a@example.com"), ("GET", "/v1/customers", 200, "local")),
            ("bad-query", get("/v1/customers?email=x"), ("GET", "/v1/customers", 400, "local")),
            ("no-path", get("/v1/nothing/a@example.com"), ("GET", None, 404, "local")),
            ("no-method", request("DELETE", "/v1/customers"), ("DELETE", None, 405, "local")),
        ):
            answer = await peer.ask(named(sent, name))
            assert (answer.headers["x-request-id"], answer.status) == (name, line[2])
            assert await written.of(name) == line
    assert not [text for text in written.texts if "@" in text or wallet in text or str(UNKNOWN_ID) in text]


def move(wallet: str, body: bytes | None = None) -> bytes:
    return request("POST", "/v1/transactions", body or deposit(wallet), Idempotency_Key="key")


def get(path: str) -> bytes:
    return request("GET", path)


def named(sent: bytes, name: str) -> bytes:
    return sent.replace(b"\r\n\r\n", f"\r\nX-Request-ID: {name}\r\n\r\n".encode(), 1)


async def test_what_the_server_refuses_has_a_line(port: int, written: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    for sent, status in ((b"GARBAGE\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431)):
        async with connected(port) as peer:
            answer = await peer.ask(sent)
            assert answer.status == status
            assert await written.of(answer.headers["x-request-id"]) == (None, None, status, None)
    monkeypatch.setattr(limits, "CHECK_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(limits, "BODY_TIMEOUT_SECONDS", 0.3)
    for path, hot in (("/v1/customers", False), ("/v1/transactions", True)):
        async with connected(port) as peer:
            sent = request("POST", path, b"{}", Idempotency_Key="key")[:-1]
            answer = await peer.ask(named(sent, f"late{hot}"))
            assert answer.status == 408
            assert await written.of(f"late{hot}") == ("POST", path, 408, "local")


async def test_a_hot_request_without_the_end_of_its_body_has_one_line(
    port: int, written: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(limits, "BODY_TIMEOUT_SECONDS", 0.3)
    async with connected(port) as peer:
        answer = await peer.ask(named(request("POST", "/v1/transactions", b"{}", Idempotency_Key="key")[:-1], "late"))
        assert answer.status == 408
    async with connected(port) as peer:  # on a later connection, so that the end of the first one was noticed
        await peer.ask(named(get("/v1/wallets"), "later"))
        assert (await written.of("later"))[2] == 200
    assert await written.of("late") == ("POST", "/v1/transactions", 408, "local")


async def test_a_refused_hot_request_has_the_id_of_its_response(
    port: int, written: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(limits, "BODY_TIMEOUT_SECONDS", 0.3)
    async with connected(port) as peer:
        answer = await peer.ask(request("POST", "/v1/transactions", b"{}", Idempotency_Key="key")[:-1])
    assert answer.status == answer.json()["status"] == 408
    expected = ("POST", "/v1/transactions", 408, "local")
    assert await written.of(answer.headers["x-request-id"]) == expected


async def test_a_client_that_is_gone(port: int, written: Lines) -> None:
    async with connected(port) as peer:
        wallet = await new_wallet(port)
    async with connected(port) as peer:
        await peer.send(named(request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="k"), "gone"))
    method, route, status, caller = await written.of("gone")
    assert (method, route, caller) == ("POST", "/v1/transactions", "local")
    assert status in (None, 201)


async def test_a_share(written: Lines) -> None:
    async with started_app(logging_app(0.2)) as app, client_of(app) as client:
        for _ in range(300):
            assert (await client.get("/v1/wallets")).status_code == 200
        assert 20 <= len(written.lines) <= 120
        written.lines.clear()
        for _ in range(50):
            await client.get("/v1/nothing")
        assert len(written.lines) == 50


async def test_off_by_default(written: Lines) -> None:
    async with listening(create_app("memory://")) as port:
        await new_wallet(port)
    assert written.lines == []


async def test_a_failure_is_a_warning(written: Lines) -> None:
    async with started_app(logging_app()) as app, client_of(app) as client:
        await register_key(app.state.tekana)  # while it still can be
        await app.state.tekana._engine.stop()
        assert (await client.get("/health/live", headers={"X-Request-ID": "down"})).status_code == 503
    assert await written.of("down") == ("GET", "/health/live", 503, None)  # a public route
    assert [line["level"] for line in written.lines] == ["warning"]
