"""Framing of HTTP messages: their end is found with any headers, and bodies are never parsed as requests."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tekana_litestar import create_app
from tests.integration.http_support import assert_whole
from tests.integration.raw_http import balance, connected, deposit, listening, new_wallet, request
from tests.keys import BEARER

UPGRADES = [
    {"Connection": "Upgrade", "Upgrade": "h2c"},
    {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"},
    {"Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    {"Connection": "Upgrade", "Upgrade": "TLS/1.0"},
]
CHUNKED = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


CREDENTIAL = f"Authorization: {BEARER['Authorization']}\r\n"
"""The line of a head that has the key."""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = create_app("memory://")
    async with listening(app) as number:
        yield number
        await assert_whole(app.state.tekana)


def head_of(key: str, *lines: str, path: str = "/v1/transactions") -> bytes:
    """Return a request line and headers, without the empty line that ends them."""
    first = f"POST {path} HTTP/1.1\r\nHost: tekana.test\r\n{CREDENTIAL}Idempotency-Key: {key}\r\n"
    return (first + "".join(f"{line}\r\n" for line in lines)).encode()


@pytest.mark.parametrize("headers", UPGRADES)
@pytest.mark.parametrize("split", [False, True])
async def test_upgrade_is_ignored(port: int, headers: dict[str, str], *, split: bool) -> None:
    wallet = await new_wallet(port)
    whole = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="upgrade", **headers)
    end = whole.index(b"\r\n\r\n") + 4
    async with connected(port) as peer:
        answer = await peer.ask(*((whole[:end], whole[end:]) if split else (whole,)))
        assert answer.status == 201, answer
        again = await peer.ask(whole)  # the connection is still usable
        assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
        assert again.body == answer.body
    assert await balance(port, wallet) == "5"


@pytest.mark.parametrize("headers", UPGRADES)
async def test_a_body_of_an_upgrade_is_not_executed_as_a_request(port: int, headers: dict[str, str]) -> None:
    wallet = await new_wallet(port)
    hidden = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="hidden")
    whole = request("POST", "/v1/transactions", hidden, Idempotency_Key="outer", **headers)
    end = len(whole) - len(hidden)
    async with connected(port) as peer:
        await peer.send(whole[:end], hidden, pause_seconds=0.4)
        assert (await peer.receive()).status == 400
        assert await peer.is_silent()
    assert await balance(port, wallet) == "0"


async def test_many_upgrade_requests_in_one_packet_are_answered(port: int) -> None:
    one = request("GET", "/health/live", Connection="Upgrade", Upgrade="h2c")
    async with connected(port) as peer:
        await peer.send(one * 2_000)
        for _ in range(2_000):
            assert (await peer.receive()).status == 200


async def test_connect_is_refused(port: int) -> None:
    async with connected(port) as peer:
        answer = await peer.ask(b"CONNECT tekana.test:443 HTTP/1.1\r\nHost: tekana.test\r\n\r\n")
        assert (answer.status, answer.json()["code"]) == (400, "invalid_request")
        assert await peer.read_to_end() == b""


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 5 5",
        "Content-Length: 0x5",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: chunked\r\n folded",
    ],
)
async def test_ambiguous_framing_is_refused(port: int, framing: str) -> None:
    wallet = await new_wallet(port)
    hidden = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="smuggled")
    async with connected(port) as peer:
        await peer.send(head_of("outer", "Content-Type: application/json", framing) + b"\r\n0\r\n\r\n" + hidden)
        answer = await peer.receive()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert answer.headers["content-type"] == "application/problem+json"
        assert await peer.read_to_end() == b""
    assert await balance(port, wallet) == "0"


async def test_a_key_in_a_trailer_is_ignored(port: int) -> None:
    wallet = await new_wallet(port)
    body = deposit(wallet)
    whole = (
        b"POST /v1/transactions HTTP/1.1\r\nHost: tekana.test\r\n"
        + CREDENTIAL.encode()
        + CHUNKED
        + b"%x\r\n%b\r\n0\r\nIdempotency-Key: trailer\r\n\r\n" % (len(body), body)
    )
    async with connected(port) as peer:
        answer = await peer.ask(whole)
        assert (answer.status, answer.json()["code"]) == (400, "idempotency_key_required")
        assert (await peer.ask(request("GET", "/health/live"))).status == 200
    assert await balance(port, wallet) == "0"


async def test_chunk_extensions_are_ignored(port: int) -> None:
    wallet = await new_wallet(port)
    body = deposit(wallet)
    chunks = b"".join(b'1;name="value";x\r\n%c\r\n' % byte for byte in body)
    async with connected(port) as peer:
        answer = await peer.ask(head_of("chunks") + CHUNKED + chunks + b"0\r\n\r\n")
        assert answer.status == 201
    assert await balance(port, wallet) == "5"


async def test_a_truncated_body_is_not_executed(port: int) -> None:
    wallet = await new_wallet(port)
    async with connected(port) as peer:
        await peer.send(request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="cut")[:-1])
    await asyncio.sleep(0.1)
    assert await balance(port, wallet) == "0"


async def test_expect_continue_gets_an_interim_response(port: int) -> None:
    wallet = await new_wallet(port)
    whole = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="expect", Expect="100-continue")
    end = whole.index(b"\r\n\r\n") + 4
    async with connected(port) as peer:
        await peer.send(whole[:end])
        assert await peer.receive_interim() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await peer.send(whole[end:])
        answer = await peer.receive()
        assert answer.status == 201
        assert "connection" not in answer.headers
        assert (await peer.ask(request("GET", "/health/live"))).status == 200


@pytest.mark.parametrize(("path", "body_size", "status"), [("/nothing", 10, 404), ("/v1/transactions", 3_000_000, 413)])
async def test_an_early_response_to_expect_closes_the_connection(
    port: int, path: str, body_size: int, status: int
) -> None:
    # A client that got no 100 response may send its next request in the place of the body.
    wallet = await new_wallet(port)
    head = head_of(
        "early", "Content-Type: application/json", f"Content-Length: {body_size}", "Expect: 100-continue", path=path
    )
    async with connected(port) as peer:
        await peer.send(head + b"\r\n")
        answer = await peer.receive()
        assert (answer.status, answer.headers.get("connection")) == (status, "close")
        await peer.send(request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="next"))
        assert await peer.read_to_end() == b""
    assert await balance(port, wallet) == "0"


async def test_a_client_that_still_sends_receives_an_early_response(port: int) -> None:
    wallet = await new_wallet(port)
    hidden = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="hidden")
    head = head_of("large", "Content-Type: application/json", f"Content-Length: {8_000_000 + len(hidden)}")
    async with connected(port) as peer:
        await peer.send(head + b"\r\n", *[b" " * 1_000_000] * 8, hidden, pause_seconds=0.01)
        answer = await peer.receive()
        assert (answer.status, answer.headers.get("connection")) == (413, "close")
        assert await peer.read_to_end() == b""
    assert await balance(port, wallet) == "0"


async def test_the_connection_is_kept_after_a_refused_body_was_read(port: int) -> None:
    async with connected(port) as peer:
        for status, body, media_type in ((413, b" " * 70_000, "application/json"), (415, b"{}", "text/plain")):
            head = head_of("k", f"Content-Type: {media_type}", f"Content-Length: {len(body)}")
            answer = await peer.ask(head + b"\r\n" + body)
            assert (answer.status, answer.headers.get("connection")) == (status, None)


async def test_requests_after_connection_close_are_ignored(port: int) -> None:
    wallet = await new_wallet(port)
    first = request("GET", "/health/live", Connection="close")
    async with connected(port) as peer:
        await peer.send(first + request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="after"))
        answer = await peer.receive()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await peer.read_to_end() == b""
    assert await balance(port, wallet) == "0"


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    wallet = await new_wallet(port)
    move = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="pipelined")
    other = request("POST", "/v1/transactions?dry_run=true", deposit(wallet))
    async with connected(port) as peer:
        await peer.send((move + request("GET", f"/v1/wallets/{wallet}") + other + request("GET", "/nothing")) * 300)
        for turn in range(300):
            moved = await peer.receive()
            assert (moved.status, moved.headers.get("idempotency-replayed")) == (201, "true" if turn else None)
            assert (await peer.receive()).json()["ledger_balance"] == "5"
            assert (await peer.receive()).status == 200
            assert (await peer.receive()).status == 404
    assert await balance(port, wallet) == "5"


async def test_a_malformed_pipelined_request_is_refused_after_the_valid_one(port: int) -> None:
    wallet = await new_wallet(port)
    good = request("POST", "/v1/transactions", deposit(wallet), Idempotency_Key="good")
    async with connected(port) as peer:
        await peer.send(good + request("GET", "/health/live") + b"nonsense\r\n\r\n")
        assert [(await peer.receive()).status for _ in range(3)] == [201, 200, 400]
        assert await peer.read_to_end() == b""


@pytest.mark.parametrize("trailing", [" ", "\t", "  \t "])
async def test_blanks_around_a_header_value_are_removed(port: int, trailing: str) -> None:
    wallet = await new_wallet(port)
    headers = {"Idempotency_Key": "pay-1", "X_Request_ID": "name"}
    async with connected(port) as peer:
        first = await peer.ask(request("POST", "/v1/transactions", deposit(wallet), **headers))
        padded = {name: f"{trailing}{value}{trailing}" for name, value in headers.items()}
        second = await peer.ask(request("POST", "/v1/transactions", deposit(wallet), **padded))
        assert (second.status, second.headers.get("idempotency-replayed")) == (201, "true")
        assert second.headers["x-request-id"] == "name"
        assert second.body == first.body
        type_ = f"Content-Type: application/json{trailing}"
        body = deposit(wallet)
        third = await peer.ask(head_of("pay-1", type_, f"Content-Length: {len(body)}{trailing}") + b"\r\n" + body)
        assert third.body == first.body
    assert await balance(port, wallet) == "5"


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/customers HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/customers HTTP/1.1\r\nHost: a\r\n" + CREDENTIAL.encode() + CHUNKED + b"xyz\r\n",
    ],
)
async def test_malformed_requests_get_a_problem(port: int, sent: bytes) -> None:
    async with connected(port) as peer:
        answer = await peer.ask(sent)
        problem = answer.json()
        assert (answer.status, problem["status"], problem["code"]) == (400, 400, "invalid_request")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == problem["request_id"]
        assert (answer.headers["cache-control"], answer.headers["connection"]) == ("no-store", "close")
        assert await peer.read_to_end() == b""


@pytest.mark.parametrize(
    ("first_line", "hosts", "status"),
    [
        (b"GET /health/live HTTP/1.1", b"", 400),
        (b"GET /health/live HTTP/1.1", b"Host: a\r\nHost: b\r\n", 400),
        (b"GET /health/live HTTP/1.1", b"Host: a\r\nHost: a\r\n", 400),
        (b"GET /health/live HTTP/1.1", b"Host:\r\n", 200),
        (b"GET /health/live HTTP/1.0", b"", 200),
        (b"GET /health/live HTTP/1.0", b"Host: a\r\nHost: b\r\n", 400),
    ],
)
async def test_a_request_has_one_host(port: int, first_line: bytes, hosts: bytes, status: int) -> None:
    async with connected(port) as peer:
        answer = await peer.ask(first_line + b"\r\n" + hosts + b"\r\n")
        assert answer.status == status
        if status != 200:
            assert answer.json()["errors"][0]["field"] == "Host"


async def test_a_response_before_malformed_chunks_is_sent_once(port: int) -> None:
    async with connected(port) as peer:
        head = b"POST /v1/customers HTTP/1.1\r\nHost: a\r\n" + CREDENTIAL.encode() + CHUNKED
        await peer.send(head + b"1\r\n{\r\n", b"zz\r\n", pause_seconds=0.1)
        assert (await peer.receive()).status == 400
        assert await peer.read_to_end() == b""


@pytest.mark.skipif(shutil.which("nginx") is None, reason="not here: nginx")
async def test_requests_work_behind_a_reverse_proxy(port: int, tmp_path: Path) -> None:
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as taken:
        proxy = taken.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\nhttp {{ access_log off;\n"
        + "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"upstream tekana {{ server 127.0.0.1:{port}; keepalive 4; }}\n"
        f"server {{ listen 127.0.0.1:{proxy}; client_max_body_size 0; location / {{ proxy_pass http://tekana;\n"
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n"
        "proxy_request_buffering off; }}}\n".replace("}}}", "} } }")
    )
    process = subprocess.Popen(  # noqa: ASYNC220 - a moment
        ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    )
    try:
        for _ in range(100):
            try:
                await asyncio.to_thread(urlopen, f"http://127.0.0.1:{proxy}/health/live")
                break
            except OSError:
                await asyncio.sleep(0.05)
        wallet = await new_wallet(proxy)
        async with connected(proxy) as peer:
            for turn in range(20):
                one = request(
                    "POST", "/v1/transactions", deposit(wallet), Idempotency_Key=f"n-{turn}",
                    Connection="Upgrade", Upgrade="h2c",
                )  # fmt: skip
                assert (await peer.ask(one)).status == 201
                assert (await peer.ask(request("POST", "/nothing", b"x" * 100_000))).status == 404
        assert await balance(proxy, wallet) == "100"
    finally:
        process.terminate()
        process.wait()
