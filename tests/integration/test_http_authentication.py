"""Credentials over HTTP: which requests need one, and what each kind of broken credential is answered."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, KeyProperties, RevokeApiKey, Unavailable, create_api_key, rotate_api_key
from tekana.application.authentication import authenticator
from tekana.application.authentication.key_text import make_secret
from tekana.domain.identifiers import ApiKeyId
from tekana.ports.audit_log import AuditFilter
from tekana.ports.page import PageRequest
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana_litestar import create_app
from tekana_litestar.operation import is_public
from tekana_memory import MemoryStore
from tests.integration.http_support import UNKNOWN_ID, assert_problem, started_app
from tests.integration.raw_http import connected, deposit, listening, new_wallet, request

PUBLIC = {
    "/",
    "/api",
    "/api/openapi.json",
    "/api/{name:str}",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/.well-known/jwks.json",
    *(f"/v1/auth/{name}" for name in ("code", "password", "password/change", "token", "sign-out")),
}
"""The paths that need no credential."""

CHALLENGE = 'Bearer realm="tekana"'
SHOP = KeyProperties("Shop", "operator")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def app(clock: FrozenClock) -> AsyncIterator[Litestar]:
    async with started_app(create_app("memory://", store=MemoryStore(clock=clock))) as made:
        yield made


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client without a credential."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # one ASGI, two notations
    async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test") as made:
        yield made


async def new_key(app: Litestar, properties: KeyProperties = SHOP) -> tuple[ApiKeyId, str]:
    issued = await create_api_key(app.state.tekana.as_caller(LOCAL_OPERATOR), properties)
    assert issued.text is not None
    return issued.key.id, issued.text


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def assert_unauthenticated(answer: httpx.Response) -> Mapping[str, Any]:
    assert answer.headers["www-authenticate"] == CHALLENGE
    body = assert_problem(answer, 401, "unauthenticated")
    return {name: value for name, value in body.items() if name != "request_id"}


async def test_a_valid_key_is_accepted(app: Litestar, client: httpx.AsyncClient) -> None:
    _, text = await new_key(app)
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = await client.get("/v1/customers", headers={"Authorization": f"{scheme} {text}"})
        assert answer.status_code == 200


async def test_every_kind_of_broken_credential_gets_one_same_answer(
    app: Litestar, client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    expired_id, expired = await new_key(app, SHOP._replace(expires_at=clock() + timedelta(minutes=1)))
    revoked_id, revoked = await new_key(app)
    _, rotated = await new_key(app)
    valid_id, valid = await new_key(app)
    clock.advance(timedelta(minutes=1))
    await app.state.tekana.as_caller(LOCAL_OPERATOR).execute(RevokeApiKey(key_id=revoked_id))
    broken: dict[str, list[tuple[str, str]]] = {
        "none": [],
        "empty": [("Authorization", "")],
        "no token": [("Authorization", "Bearer")],
        "garbage": [("Authorization", "Bearer garbage")],
        "bytes": [("Authorization", "Bearer \xff\xfe")],
        "another scheme": [("Authorization", f"Basic {valid}")],
        "no scheme": [("Authorization", valid)],
        "expired": [("Authorization", f"Bearer {expired}")],
        "revoked": [("Authorization", f"Bearer {revoked}")],
        "wrong secret": [("Authorization", f"Bearer {make_secret(valid_id).text}")],
        "unknown id": [("Authorization", f"Bearer {make_secret(ApiKeyId(builders.uuid7())).text}")],
        "a secret of another key": [("Authorization", f"Bearer {valid[:35]}{rotated[35:]}")],
        "upper case": [("Authorization", f"Bearer {valid.upper()}")],
        "two": [("Authorization", f"Bearer {valid}"), ("Authorization", f"Bearer {valid}")],
        "two kinds": [("Authorization", f"Bearer {valid}"), ("X-API-Key", valid)],
        "another kind": [("X-API-Key", valid)],
        "two tokens": [("Authorization", f"Bearer {valid} {valid}")],
        "a list": [("Authorization", f"Bearer {valid}, Bearer {valid}")],
        "over 8 KiB": [("Authorization", f"Bearer {'x' * 8193}")],
    }
    answers = []
    for name, sent in broken.items():
        headers = httpx.Headers([(one.encode(), value.encode("latin-1")) for one, value in sent])
        answer = await client.get("/v1/customers", headers=headers)
        assert answer.status_code == 401, name
        answers.append(assert_unauthenticated(answer))
    assert answers == [answers[0]] * len(broken)
    assert expired_id != valid_id
    assert (await client.get("/v1/customers", headers=bearer(valid))).status_code == 200


async def test_a_token_over_8_kib_costs_nothing(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []

    def digest(token: str) -> bytes:
        hashed.append(len(token))
        return token.encode()

    monkeypatch.setattr(authenticator, "_digest", digest)
    for length in (8193, 50_000):
        assert_unauthenticated(await client.get("/v1/customers", headers=bearer("t" * length)))
    assert hashed == []
    assert_unauthenticated(await client.get("/v1/customers", headers=bearer("t" * 8192)))
    assert hashed


@pytest.mark.parametrize(
    "query",
    [
        "access_token=x",
        "api_key=x",
        "API_KEY=x",
        "apikey=x",
        "limit=1&token=x",
        "limit=1&authorization=Bearer%20x",
        "api%5Fkey=x",
    ],
)
async def test_a_credential_in_the_query_is_refused(app: Litestar, client: httpx.AsyncClient, query: str) -> None:
    _, text = await new_key(app)
    for headers in ({}, bearer(text)):
        for path in ("/v1/customers", "/api", "/health/live"):
            assert_problem(await client.get(f"{path}?{query}", headers=headers), 400, "invalid_request")
    refused = await client.get(f"/v1/customers?email={text}", headers=bearer(text))
    assert_problem(refused, 400, "invalid_request")
    assert text not in refused.text


async def test_every_route_but_the_public_ones_needs_a_credential(app: Litestar, client: httpx.AsyncClient) -> None:
    public = set()
    tried = 0
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if is_public(handler):
                public.add(route.path)
                continue
            path = re.sub(r"{\w+:str}", str(UNKNOWN_ID), route.path)
            assert "{" not in path, path
            for method in (*handler.http_methods, "OPTIONS", "TRACE", "PUT"):
                answer = await client.request(method, path)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == CHALLENGE
                tried += 1
    assert public == PUBLIC
    assert tried > 80
    for path in (
        "/nothing",
        "/v1",
        "/v1/nothing",
        "/API",
        "/apiary",
        "/health",
        "/metrics/x",
    ):
        assert_unauthenticated(await client.get(path))


async def test_public_paths_need_no_credential(client: httpx.AsyncClient) -> None:
    for path in ("/", "/api", "/api/openapi.json", "/api/page.js", "/health/live", "/health/ready", "/metrics"):
        assert (await client.get(path)).status_code in (200, 302), path
        assert (await client.get(path, headers=bearer("garbage"))).status_code in (200, 302), path


async def test_a_mounted_app_needs_a_credential() -> None:
    called: list[str] = []

    async def console(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["path"])

    async with started_app(create_app("memory://", mounts={"/console": console})) as app:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # one ASGI, two notations
        async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test") as client:
            for path in ("/console", "/console/", "/console/x"):
                assert_unauthenticated(await client.get(path))
    assert called == []


async def test_both_secrets_of_a_rotated_key_are_accepted(app: Litestar, client: httpx.AsyncClient) -> None:
    key_id, old = await new_key(app)
    new = (await rotate_api_key(app.state.tekana.as_caller(LOCAL_OPERATOR), key_id)).text
    assert new is not None
    for text in (old, new):
        assert (await client.get("/v1/customers", headers=bearer(text))).status_code == 200


async def test_without_the_store_nothing_is_let_in(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = await new_key(app)

    async def fail(*_: object) -> None:
        raise Unavailable("the database is down")

    monkeypatch.setattr(type(app.state.tekana._store.credentials), "find", fail)
    for given in (text, make_secret(ApiKeyId(builders.uuid7())).text):
        assert_problem(await client.get("/v1/customers", headers=bearer(given)), 503, "unavailable")
    assert_unauthenticated(await client.get("/v1/customers"))


async def test_no_secret_is_in_the_store(app: Litestar, client: httpx.AsyncClient) -> None:
    _, text = await new_key(app)
    secret = text.rpartition("_")[2]
    await client.post("/v1/customers", headers=bearer(text) | {"Idempotency-Key": "k"}, json={})
    state = app.state.tekana._store._state
    assert state.api_keys
    assert secret not in repr({name: getattr(state, name) for name in state.__slots__})


async def test_a_hot_route_refuses_as_the_other_way_does() -> None:
    app = create_app("memory://")
    async with listening(app) as port:
        wallet = await new_wallet(port)
        key_id, text = await new_key(app)
        body = deposit(wallet)
        moved = {"Idempotency_Key": "k"}
        async with connected(port) as peer:
            for headers in (
                {"Authorization": "Bearer garbage"},
                {"Authorization": f"Bearer {text}", "X_API_Key": text},
                {"Authorization": f"Bearer {make_secret(key_id).text}"},
            ):
                for sent in (
                    request("POST", "/v1/transactions", body, **moved, **headers),
                    request("GET", f"/v1/wallets/{wallet}", **headers),
                ):
                    answer = await peer.ask(sent)
                    assert answer.status == 401
                    assert answer.headers["www-authenticate"] == CHALLENGE
            first = await peer.ask(request("GET", f"/v1/wallets/{wallet}", Authorization=f"Bearer {text}"))
            again = await peer.ask(request("GET", f"/v1/wallets/{wallet}", Authorization=f"Bearer {text}"))
            assert (first.status, first.body) == (again.status, again.body) == (200, first.body)


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/batches"])
async def test_a_body_that_comes_after_the_revocation_moves_no_money(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("tekana_litestar.hot_operations._CONFIRM_SECONDS", 0.05)
    monkeypatch.setattr(authenticator, "CACHE_SECONDS", 0.1)
    app = create_app("memory://")
    async with listening(app) as port:
        wallet = await new_wallet(port)
        key_id, text = await new_key(app)
        body = deposit(wallet)
        if path == "/v1/batches":
            body = b'{"mode":"independent","transactions":[' + body + b"]}"
        whole = request("POST", path, body, Idempotency_Key="late", Authorization=f"Bearer {text}")
        operator = app.state.tekana.as_caller(LOCAL_OPERATOR)
        async with connected(port) as peer:
            known = await peer.ask(request("GET", f"/v1/wallets/{wallet}", Authorization=f"Bearer {text}"))
            assert known.status == 200
            await peer.send(whole[:-5])
            await operator.execute(RevokeApiKey(key_id=key_id))
            await peer.send(b"", whole[-5:], pause_seconds=0.3)
            assert (await peer.receive()).status == 401
        await app.state.tekana._parts.audit_recorder.stop()  # type: ignore[attr-defined]
        [entry] = (await operator.audit_log.list(PageRequest(), AuditFilter(action="Authenticate"))).items
        assert (entry.outcome, entry.code, entry.address) == ("refused", "unauthenticated", "127.0.0.1")
        assert (await operator.wallets.get(wallet)).ledger_balance == 0  # type: ignore[arg-type]
