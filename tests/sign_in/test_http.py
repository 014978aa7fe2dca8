"""Sign-in over HTTP, on both stores: from the first password to sign-out."""

from __future__ import annotations

import asyncio
import logging
import math
import statistics
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import httpx
import jwt
import pytest
from litestar import Litestar

from tekana_memory.message_sender import MemoryMessageSender
from tekana_postgres.tables import metadata
from tests.integration.http_support import app, both_stores, client, unique_number
from tests.integration.postgres_support import superuser
from tests.sign_in.support import PASSWORD

__all__ = ["app", "client"]

store_url = both_stores

Json = dict[str, Any]


@pytest.fixture
def sender(app: Litestar) -> MemoryMessageSender:
    """Return the sender, which keeps all messages."""
    found = MemoryMessageSender()
    app.state.tekana.sign_in.passwords.sender = found
    return found


async def register(client: httpx.AsyncClient, password: str | None = PASSWORD) -> Json:
    """Register a customer, with a password."""
    number = unique_number()
    body = {
        "full_name": "Aline Uwase",
        "email": f"aline{number}@example.com",
        "phone_number": f"+2507881{number:05}",
    }
    customer: Json = (await client.post("/v1/customers", json=body)).raise_for_status().json()
    if password is not None:
        answer = await client.put(f"/v1/customers/{customer['id']}/password", json={"password": password})
        assert answer.status_code == 204
    return customer


async def sign_in(client: httpx.AsyncClient, customer: Json, password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Sign in by phone number."""
    body = {"grant_type": "password", "phone_number": customer["phone_number"], "password": password, **more}
    return await client.post("/v1/auth/token", json=body)


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Refresh."""
    return await client.post("/v1/auth/token", json={"grant_type": "refresh_token", "refresh_token": token})


async def test_from_the_first_password_to_sign_out(client: httpx.AsyncClient, sender: MemoryMessageSender) -> None:
    customer = await register(client, None)
    asked = await client.post("/v1/auth/code", json={"email": customer["email"].upper()})
    assert asked.status_code == 202
    assert asked.json().keys() == {"challenge_id", "expires_at"}
    [message] = sender.messages
    body = {"challenge_id": asked.json()["challenge_id"], "code": message.code, "password": PASSWORD}
    assert (await client.post("/v1/auth/password", json=body)).status_code == 204
    assert (await client.post("/v1/auth/password", json=body)).status_code == 401

    signed_in = await sign_in(client, customer)
    assert signed_in.status_code == 200
    tokens = signed_in.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    assert signed_in.headers["cache-control"] == "no-store"

    published = await client.get("/.well-known/jwks.json")
    assert published.headers["cache-control"] == "public, max-age=3600"
    key = jwt.PyJWKSet.from_dict(published.json())[jwt.get_unverified_header(tokens["access_token"])["kid"]]
    claims = jwt.decode(tokens["access_token"], key, algorithms=["EdDSA"], audience="tekana", issuer="tekana")
    assert claims["customer_id"] == customer["id"]

    refreshed = (await refresh(client, tokens["refresh_token"])).json()
    changed = {"email": customer["email"], "password": PASSWORD, "new_password": "another one"}
    assert (await client.post("/v1/auth/password/change", json=changed)).status_code == 204
    assert (await refresh(client, refreshed["refresh_token"])).status_code == 401
    tokens = (await sign_in(client, customer, "another one")).json()
    for _ in range(2):
        out = await client.post("/v1/auth/sign-out", json={"refresh_token": tokens["refresh_token"]})
        assert out.status_code == 204
    assert (await refresh(client, tokens["refresh_token"])).status_code == 401


async def refusals(client: httpx.AsyncClient) -> dict[str, Json]:
    """Return a customer for each reason that a right password does not sign in."""
    customers = {name: await register(client) for name in ("wrong", "locked", "suspended", "closed")}
    customers["without"] = await register(client, None)
    customers["unknown"] = {"phone_number": "+250788000000"}
    await client.post(f"/v1/customers/{customers['suspended']['id']}/suspend", json={"reason": "a check"})
    await client.post(f"/v1/customers/{customers['closed']['id']}/close")
    await asyncio.gather(*(sign_in(client, customers["locked"], "wrong") for _ in range(5)))
    return customers


async def timed_refusals(client: httpx.AsyncClient, customers: dict[str, Json], rounds: int) -> dict[str, list[Any]]:
    """Sign in as each in turn, and return what was answered and after how many seconds."""
    found: dict[str, list[Any]] = {name: [] for name in customers}
    for _ in range(rounds):
        for name, customer in customers.items():
            began = asyncio.get_running_loop().time()
            answer = await sign_in(client, customer, "wrong" if name == "wrong" else PASSWORD)
            found[name].append((asyncio.get_running_loop().time() - began, answer))
    return found


def separations(found: dict[str, list[Any]]) -> dict[str, float]:
    """Return, for each reason, how far its times differ from all others: the z of Mann and Whitney's rank sum."""
    times = {name: [seconds for seconds, _ in one] for name, one in found.items()}
    scores: dict[str, float] = {}
    for name, own in times.items():
        others = [one for other, theirs in times.items() if other != name for one in theirs]
        wins = sum((a > b) + (a == b) / 2 for a in own for b in others)
        pairs = len(own) * len(others)
        scores[name] = (wins - pairs / 2) / math.sqrt(pairs * (len(own) + len(others) + 1) / 12)
    return scores


@pytest.mark.usefixtures("full_hashes")
async def test_all_refusals_are_equal_in_status_body_and_time(
    client: httpx.AsyncClient, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = await refusals(client)
    monkeypatch.undo()  # the step is that of production
    with caplog.at_level(logging.DEBUG):
        found = await timed_refusals(client, customers, 8)
    answers = {name: _without_request_id(one[-1][1]) for name, one in found.items()}
    assert all(one == answers["wrong"] for one in answers.values())
    assert answers["wrong"][0] == 401
    assert answers["wrong"][1]["code"] == "sign_in_refused"
    assert answers["wrong"][2]["www-authenticate"] == 'Bearer realm="tekana"'
    medians = {name: statistics.median(seconds for seconds, _ in one) for name, one in found.items()}
    assert max(map(abs, separations(found).values())) < 3.9, medians
    for hidden in (PASSWORD, *(one["phone_number"] for one in customers.values())):
        assert hidden not in caplog.text


@pytest.mark.usefixtures("full_hashes")
async def test_times_that_differ_would_be_found(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = await refusals(client)
    monkeypatch.setattr("tekana.application.sign_in.sign_in.REFUSAL_STEP_SECONDS", 1e-6)
    hashing = app.state.tekana.sign_in.hashing
    matches = hashing.matches

    async def without_the_same_work(text: str, hashed: str | None) -> bool:
        return hashed is not None and await matches(text, hashed)

    monkeypatch.setattr(type(hashing), "matches", lambda _, text, hashed: without_the_same_work(text, hashed))
    only = {name: customers[name] for name in ("wrong", "unknown", "closed")}
    assert separations(await timed_refusals(client, only, 4))["wrong"] > 2.5


def _without_request_id(answer: httpx.Response) -> tuple[Any, ...]:
    body = {key: value for key, value in answer.json().items() if key != "request_id"}
    headers = {key: value for key, value in answer.headers.items() if key != "x-request-id"}
    return answer.status_code, body, headers


@pytest.mark.parametrize(
    "body",
    [
        {"grant_type": "password", "password": "x"},
        {"grant_type": "password", "password": "x", "phone_number": "+250788123456", "email": "a@example.com"},
        {"grant_type": "password", "password": "x", "phone_number": "secret-canary"},
        {"grant_type": "password", "password": ["secret-canary"], "phone_number": "+250788123456"},
        {"grant_type": "password", "phone_number": "+250788123456"},
        {"grant_type": "secret-canary"},
        {"grant_type": "refresh_token", "refresh_token": 7},
        {"grant_type": "refresh_token", "refresh_token": "x", "password": "secret-canary"},
        {"grant_type": "password", "password": "secret-canary", "phone_number": "+250788123456", "role": "x"},
        {},
    ],
)
async def test_malformed_requests(client: httpx.AsyncClient, body: Json) -> None:
    answer = await client.post("/v1/auth/token", json=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert "secret-canary" not in answer.text


async def test_credentials_in_the_query_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/auth/token?password=x", json={})).status_code == 400


async def test_tenants_are_apart(client: httpx.AsyncClient, sender: MemoryMessageSender) -> None:
    customer = await register(client)
    for tenant in ("another", "", "\x00", "x" * 10_000, "main\n", "' OR true --"):
        assert (await sign_in(client, customer, tenant=tenant)).status_code == 401
        asked = await client.post("/v1/auth/code", json={"email": customer["email"], "tenant": tenant})
        assert asked.status_code == 202, asked.text
    assert (await sign_in(client, customer, tenant="main")).status_code == 200


async def test_identities(client: httpx.AsyncClient) -> None:
    one, other = await register(client, None), await register(client, None)
    path, body = f"/v1/customers/{one['id']}/identities", {"issuer": "https://id.example", "subject": "f1c9"}
    made = await client.post(path, json=body)
    assert made.status_code == 201
    assert (await client.post(path, json=body)).json() == made.json()
    conflict = await client.post(f"/v1/customers/{other['id']}/identities", json=body)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "identity_exists")
    assert (await client.get(path)).json() == {"items": [made.json()]}
    for path_of_it, status in ((f"{path}/{other['id']}", 404), (f"{path}/{made.json()['id']}", 204)):
        assert (await client.delete(path_of_it)).status_code == status
    assert (await client.get(path)).json() == {"items": []}
    for wrong in ({"issuer": "", "subject": "x"}, {"issuer": "x"}, body | {"customer_id": "x"}):
        assert (await client.post(path, json=wrong)).status_code == 400


# ---------------------------------------------------------------------- requests with a customer's access token


def bearer(token: str) -> dict[str, str]:
    """Return the header of requests with a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def anyone(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client without a credential."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # one ASGI, two notations
    async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test") as made:
        yield made


async def test_a_customer_reaches_what_is_theirs(client: httpx.AsyncClient, anyone: httpx.AsyncClient) -> None:
    one, other = await register(client), await register(client)
    tokens = (await sign_in(anyone, one)).raise_for_status().json()  # without any other credential
    mine = bearer(tokens["access_token"])
    for _ in range(3):
        assert (await anyone.get(f"/v1/customers/{one['id']}", headers=mine)).json()["id"] == one["id"]
    wallets = {name: customer["wallets"][0]["id"] for name, customer in (("one", one), ("other", other))}
    assert (await anyone.get(f"/v1/wallets/{wallets['one']}", headers=mine)).status_code == 200
    for path in (f"/v1/customers/{other['id']}", f"/v1/wallets/{wallets['other']}"):
        assert (await anyone.get(path, headers=mine)).status_code == 404
    deposit = {"type": "deposit", "wallet_id": wallets["one"], "amount": "100", "currency": "RWF"}
    keyed = mine | {"Idempotency-Key": "a key"}
    assert (await anyone.post("/v1/transactions", json=deposit, headers=keyed)).status_code == 403
    assert (await client.post("/v1/transactions", json=deposit, headers={"Idempotency-Key": "x"})).status_code == 201
    send = {"type": "transfer", "from_wallet_id": wallets["one"], "to_wallet_id": wallets["other"], "amount": "40"}
    sent = await anyone.post("/v1/transactions", json=send | {"currency": "RWF"}, headers=keyed)
    assert sent.status_code == 201
    weak = {"password": PASSWORD}
    assert (await anyone.put(f"/v1/customers/{one['id']}/password", json=weak, headers=mine)).status_code == 403
    events = await client.get("/v1/events", params={"limit": 200})
    assert PASSWORD not in events.text


async def test_broken_tokens_get_one_same_answer(
    app: Litestar, client: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    customer = await register(client)
    token = (await sign_in(anyone, customer)).json()["access_token"]
    head, body, signature = token.split(".")
    path = f"/v1/customers/{customer['id']}"
    refused = [await anyone.get(path, headers=bearer(one)) for one in (
        "garbage", f"{head}.{body}.", f"{head}.{body}.{signature[::-1]}", f"e30.{body}.{signature}", f"{token}x",
        "x" * 9000, "tk_0_0", "..", body,
    )]  # fmt: skip
    refused.append(await anyone.get(path))
    refused.append(await anyone.get(path, headers=[("Authorization", f"Bearer {token}")] * 2))
    assert len({str(_without_request_id(one)) for one in refused}) == 1
    assert refused[0].status_code == 401
    assert refused[0].json()["code"] == "unauthenticated"
    assert (await anyone.get(path, headers=bearer(token))).status_code == 200


async def test_without_sign_in_the_answer_says_so(app: Litestar, anyone: httpx.AsyncClient) -> None:
    app.state.tekana._parts = app.state.tekana._parts._replace(
        sign_in=None
    )  # as with a store that keeps no credentials
    for path in ("/v1/auth/token", "/v1/auth/sign-out"):
        answer = await anyone.post(path, json={"grant_type": "refresh_token", "refresh_token": "x"} if "token" in path
                                   else {"refresh_token": "x"})  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "sign in" in answer.json()["detail"]
    assert (await anyone.get("/.well-known/jwks.json")).status_code == 503


async def test_secrets_are_nowhere(
    app: Litestar, client: httpx.AsyncClient, sender: MemoryMessageSender, store_url: str, caplog: Any
) -> None:
    """No password, code or token is in any table, log, event or outcome."""
    with caplog.at_level(logging.DEBUG):
        customer = await register(client, "canary in the vault")
        challenge = (await client.post("/v1/auth/code", json={"email": customer["email"]})).json()["challenge_id"]
        code = sender.messages[-1].code
        body = {"challenge_id": challenge, "code": code, "password": "canary of the code"}
        assert (await client.post("/v1/auth/password", json=body)).status_code == 204
        first = (await sign_in(client, customer, "canary of the code")).json()
        second = (await refresh(client, first["refresh_token"])).json()
        await sign_in(client, customer, "canary that is wrong")
    secrets = [code, *(one[name] for one in (first, second) for name in ("access_token", "refresh_token"))]
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    stored = all_items(app.state.tekana._store._state) if store_url == "memory://" else await all_rows(store_url)
    assert "argon2id" in stored
    found = [stored]
    found += [*logged, (await client.get("/v1/events", params={"limit": 200})).text]
    for text in found:
        assert "canary" not in text
        assert not [one for one in secrets if one in text]


def all_items(state: Any) -> str:
    """Return all that a store in memory keeps as text, also what representations hide."""
    return f"{state!r} {asdict(state.sign_in)}"


async def all_rows(url: str) -> str:
    """Return every row of every table as text."""
    async with superuser(url) as connection:
        rows = [await connection.fetch(f"SELECT t::text FROM {name} t") for name in metadata.tables]
    return "\n".join(row[0] for table in rows for row in table)


async def test_an_unknown_customer(client: httpx.AsyncClient) -> None:
    path = "/v1/customers/0198d2a0-0000-7000-8000-00000000dead"
    assert (await client.put(f"{path}/password", json={"password": PASSWORD})).status_code == 404
    assert (await client.get(f"{path}/identities")).status_code == 404
    weak = await client.put(f"{path}/password", json={"password": "111111"})
    assert (weak.status_code, "111111" in weak.text) == (400, False)
