"""The headers that protect browsers, on every kind of response, and requests from pages of other origins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tekana import Settings
from tekana.domain.errors import InvalidRequest
from tekana_litestar import create_app
from tests.integration.raw_http import Peer, Response, connected, deposit, listening, new_wallet, request

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
EXPECTED = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
SHOP = "https://shop.example:8443"


async def page_of_a_mount(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-security-policy", b"default-src 'self'"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    settings = Settings(database_url="memory://", cors_origins=f"{SHOP}, https://a.example")
    app = create_app(settings, mounts={"/console": page_of_a_mount})
    async with listening(app) as port:
        yield port


@pytest_asyncio.fixture
async def peer(port: int) -> AsyncIterator[Peer]:
    async with connected(port) as peer:
        yield peer


def header_values(response: Response, name: str) -> list[str]:
    lines = response.head.decode("latin-1").lower().split("\r\n")
    return [line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")]


RESPONSES = {
    "a page": ("GET", "/api", 200),
    "a file of the page": ("GET", "/api/page.js", 200),
    "a redirection": ("GET", "/", 302),
    "health": ("GET", "/health/live", 200),
    "metrics": ("GET", "/metrics", 200),
    "nothing": ("GET", "/nothing", 404),
    "a wrong method": ("DELETE", "/v1/customers", 405),
    "a mounted app": ("GET", "/console/x", 200),
    "OPTIONS": ("OPTIONS", "/v1/customers", 204),
}


@pytest.mark.parametrize(("method", "path", "status"), RESPONSES.values(), ids=RESPONSES.keys())
async def test_every_response_has_the_headers_once(peer: Peer, method: str, path: str, status: int) -> None:
    assert_protected(await peer.ask(request(method, path)), status, own_policy=path in ("/api", "/console/x"))


async def test_hot_routes_and_refusals_have_the_headers(port: int, peer: Peer) -> None:
    body = deposit(await new_wallet(port))
    assert_protected(await peer.ask(request("POST", "/v1/transactions", body, Idempotency_Key="k")), 201)
    assert_protected(await peer.ask(b"GET / HTTP/1.1\r\nBad Header\r\n\r\n"), 400)


def assert_protected(response: Response, status: int, *, own_policy: bool = False) -> None:
    assert response.status == status
    for name, value in EXPECTED.items():
        if own_policy and name == "content-security-policy":
            assert header_values(response, name) != [value]
            assert len(header_values(response, name)) == 1
        else:
            assert header_values(response, name) == [value], name
    assert header_values(response, "strict-transport-security") == []  # not over TLS
    assert len(header_values(response, "cache-control")) == 1


async def test_a_page_of_an_allowed_origin_may_read_the_response(port: int, peer: Peer) -> None:
    body = deposit(await new_wallet(port))
    for sent in (
        request("POST", "/v1/transactions", body, Idempotency_Key="k", Origin=SHOP),
        request("GET", "/nothing", Origin=SHOP),
    ):
        response = await peer.ask(sent)
        assert header_values(response, "access-control-allow-origin") == [SHOP]
        assert header_values(response, "vary") == ["origin"]
        exposed = "etag, idempotency-replayed, location, ratelimit, ratelimit-policy, retry-after, x-request-id"
        assert header_values(response, "access-control-expose-headers") == [exposed]
        assert header_values(response, "access-control-allow-credentials") == []


@pytest.mark.parametrize(
    "origin", ["https://shop.example", "http://shop.example:8443", "https://shop.example:8443.evil.example", "null"]
)
async def test_a_page_of_another_origin_may_not(peer: Peer, origin: str) -> None:
    for sent in (
        request("GET", "/health/live", Origin=origin),
        request("GET", "/health/live"),
        request("OPTIONS", "/v1/customers", Origin=origin, Access_Control_Request_Method="POST"),
    ):
        response = await peer.ask(sent)
        assert "access-control" not in response.head.decode("latin-1").lower()
        assert header_values(response, "vary") == ["origin"]


async def test_a_browser_learns_what_a_page_may_send(peer: Peer) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "if-match"}
    response = await peer.ask(request("OPTIONS", "/v1/customers", Origin=SHOP, **asked))
    assert (response.status, response.body) == (204, b"")
    assert header_values(response, "access-control-allow-origin") == [SHOP]
    assert header_values(response, "access-control-allow-methods") == ["delete, get, head, patch, post"]
    (allowed,) = header_values(response, "access-control-allow-headers")
    assert {"authorization", "content-type", "idempotency-key", "if-match", "last-event-id", "x-request-id"} <= set(
        allowed.split(", ")
    )


async def test_without_the_setting_no_page_of_another_origin_may() -> None:
    async with listening(create_app("memory://")) as port, connected(port) as peer:
        response = await peer.ask(request("GET", "/health/live", Origin=SHOP))
        assert "access-control" not in response.head.decode("latin-1").lower()
        assert header_values(response, "vary") == []


@pytest.mark.parametrize(
    "origins", ["shop.example", "https://shop.example/", "https://*.example", "https://Shop.example"]
)
def test_origins_are_exact(origins: str) -> None:
    with pytest.raises(InvalidRequest, match="cors_origins: must be origins such as"):
        Settings(cors_origins=origins)
