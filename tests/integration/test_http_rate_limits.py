"""Rate limits over HTTP: what counts, what is answered, and that nothing is done for what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, KeyProperties, Settings, create_api_key
from tekana.application.authentication import Authenticator, authenticator
from tekana.domain.caller import Caller
from tekana_litestar import app as app_module
from tekana_litestar import create_app
from tekana_litestar.openapi import document
from tekana_litestar.rate_limits import RateLimits
from tests.integration.http_support import (
    UNKNOWN_ID,
    Json,
    assert_problem,
    assert_whole,
    client_of,
    registration,
    started_app,
    unique_number,
)
from tests.integration.raw_http import Response, connected, deposit, listening, new_wallet, request
from tests.keys import BEARER, register_key
from tests.unit.test_rate_limits import Seconds

PROXY = "127.0.0.1"
ELSEWHERE = {"X-Forwarded-For": "198.51.100.7"}
PATHS_WITHOUT_CREDENTIAL = ("/api", "/api/openapi.json", "/metrics", "/")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Return the clock of the rate limits of apps that the test makes."""
    made = Seconds()
    monkeypatch.setattr(app_module, "RateLimits", partial(RateLimits, now=made))
    return made


def app_with(**settings: Any) -> Litestar:
    return create_app(Settings(database_url="memory://", **settings))


@asynccontextmanager
async def client_with(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with started_app(app_with(**settings)) as app, client_of(app) as client:
        await register_key(app.state.tekana)
        yield client
        await assert_whole(app.state.tekana)


def assert_limited(answer: httpx.Response, name: str, quota: int, window: int, reset: int) -> None:
    problem = assert_problem(answer, 429, "rate_limited")
    assert problem["detail"] == f"too many requests: try again in {reset} s, under the same key"
    assert answer.headers["retry-after"] == str(reset)
    assert answer.headers["ratelimit-policy"] == f'"{name}";q={quota};w={window}'
    assert answer.headers["ratelimit"] == f'"{name}";r=0;t={reset}'


async def test_a_caller_who_sends_too_much_waits_and_goes_on(clock: Seconds) -> None:
    async with client_with(rate_limit="3/minute") as client:
        assert [(await client.get("/v1/wallets")).status_code for _ in range(3)] == [200] * 3
        clock.now += 30.5
        assert_limited(await client.get("/v1/wallets"), "caller", 3, 60, 30)
        assert_limited(await client.get("/v1/nothing-here"), "caller", 3, 60, 30)
        clock.now += 29.5
        burst = await asyncio.gather(*(client.get("/v1/wallets") for _ in range(9)))
        assert sorted(one.status_code for one in burst) == [200] * 3 + [429] * 6


async def test_two_callers_do_not_share_a_limit(clock: Seconds) -> None:
    app = app_with(rate_limit="2/minute")
    async with started_app(app), client_of(app) as client:
        other = await create_api_key(app.state.tekana.as_caller(LOCAL_OPERATOR), KeyProperties("Other", "operator"))
        assert [(await client.get("/v1/wallets")).status_code for _ in range(3)] == [200, 200, 429]
        headers = {"Authorization": f"Bearer {other.text}"}
        assert [(await client.get("/v1/wallets", headers=headers)).status_code for _ in range(3)] == [200, 200, 429]


async def test_an_address_is_limited_before_its_credential_is_looked_at(clock: Seconds) -> None:
    async with client_with(rate_limit_address="4/minute", trusted_proxies=PROXY) as client:
        for path in PATHS_WITHOUT_CREDENTIAL:
            assert (await client.get(path, headers=ELSEWHERE)).status_code < 400, path
        for headers in ({}, {"Authorization": "Bearer x"}, {"Host": "("}):
            assert_limited(await client.get("/v1/wallets", headers=ELSEWHERE | headers), "address", 4, 60, 60)
        assert_limited(await client.get("/v1/wallets?access_token=x", headers=ELSEWHERE), "address", 4, 60, 60)
        assert (await client.get("/v1/wallets")).status_code == 200  # from another address
        clock.now += 60
        assert (await client.get("/v1/wallets", headers=ELSEWHERE)).status_code == 200


async def test_probes_do_not_count(clock: Seconds) -> None:
    async with client_with(rate_limit="1/minute", rate_limit_address="1/minute") as client:
        for _ in range(5):
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/v1/wallets")).status_code == 200
        assert (await client.get("/v1/wallets")).status_code == 429
        assert (await client.get("/health/live")).status_code == 200


async def test_forwarded_addresses_count_only_from_trusted_proxies(clock: Seconds) -> None:
    async with client_with(rate_limit_address="1/minute", trusted_proxies="192.0.2.0/24") as client:
        statuses = [
            (await client.get("/api", headers={name: value})).status_code
            for name, value in (("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.2"))
        ]
        assert statuses == [200, 429]
    async with client_with(rate_limit_address="1/minute", trusted_proxies="127.0.0.0/8") as client:
        addresses = ("198.51.100.1", "6.6.6.6, 198.51.100.2", "2001:db8::1", "2001:db8:0:1::1")
        for address in addresses:
            assert (await client.get("/api", headers={"X-Forwarded-For": address})).status_code == 200, address
        for address in ("1.2.3.4, 198.51.100.2", "2001:db8::2", "[2001:db8:0:1:ffff::]:80"):
            assert (await client.get("/api", headers={"X-Forwarded-For": address})).status_code == 429, address


async def test_invalid_credentials_are_not_verified_without_end(
    clock: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "CACHE_SECONDS", 600.0)  # the machine may be busy
    async with client_with(rate_limit_address="1000000/minute") as client:
        assert (await client.get("/v1/wallets")).status_code == 200  # the key is known now
        verified: list[str] = []

        async def verify(_: Authenticator, token: str) -> Caller:
            verified.append(token)
            return await authenticate(_, token)

        authenticate = Authenticator.authenticate
        monkeypatch.setattr(Authenticator, "authenticate", verify)
        for number in range(700):
            answer = await client.get("/v1/wallets", headers={"Authorization": f"Bearer tk_{number}"})
            assert answer.status_code == (401 if number < 600 else 429)
        assert_limited(answer, "credentials", 600, 60, 60)
        assert len(verified) == 600
        assert (await client.get("/v1/wallets")).status_code == 200  # known credentials are not held up
        clock.now += 60
        answer = await client.get("/v1/wallets", headers={"Authorization": "Bearer tk_x"})
        assert (answer.status_code, len(verified)) == (401, 602)


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/transactions?", "/v1/batches"])
async def test_a_refused_movement_is_done_once_when_it_is_sent_again(clock: Seconds, path: str) -> None:
    """The first path is a hot route, the others are not."""
    async with listening(app_with(rate_limit="2/minute")) as port:
        wallet = await new_wallet(port)
        body = deposit(wallet)
        if path.endswith("batches"):
            body = json.dumps({"mode": "atomic", "transactions": [json.loads(body)]}).encode()
        sent = request("POST", path, body, Idempotency_Key=f"limited-{unique_number()}")
        async with connected(port) as peer:
            await peer.ask(request("GET", "/v1/wallets"))
        async with connected(port) as peer:
            refused = await peer.ask(sent)
        assert (refused.status, refused.json()["code"], refused.headers["retry-after"]) == (429, "rate_limited", "60")
        clock.now += 60
        async with connected(port) as peer:
            done = await peer.ask(sent)
        assert (done.status, "idempotency-replayed" in done.headers) == (201, False)
        clock.now += 60
        async with connected(port) as peer:
            found = await peer.ask(request("GET", f"/v1/wallets/{wallet}"))
        assert found.json()["ledger_balance"] == "5"


def without_ids(answer: Response) -> tuple[int, dict[str, str], Json]:
    body = answer.json() | {"request_id": ""}
    headers = {name: answer.headers[name] for name in sorted(answer.headers) if name not in ("x-request-id", "date")}
    headers.pop("content-length")
    headers.pop("connection", None)  # a body that was not read ends the connection
    return answer.status, headers, body


async def test_hot_routes_and_others_share_one_count_and_answer_alike(clock: Seconds) -> None:
    async with listening(app_with(rate_limit="3/minute")) as port, connected(port) as peer:
        sent = request("GET", f"/v1/wallets/{UNKNOWN_ID}")  # hot, once the key is known
        other = request("GET", "/v1/wallets")
        statuses = [(await peer.ask(one)).status for one in (other, sent, sent, sent, other)]
        assert statuses == [200, 404, 404, 429, 429]
        hot, cold = await peer.ask(sent), await peer.ask(request("GET", f"/v1/wallets/{UNKNOWN_ID}?"))
        assert without_ids(hot) == without_ids(cold)
        movement = request("POST", "/v1/transactions", deposit(UNKNOWN_ID), Idempotency_Key="a")
        hot = await peer.ask(movement)
        assert "connection" not in hot.headers  # the body was read: the connection goes on
        cold = await peer.ask(request("POST", "/v1/transactions?", deposit(UNKNOWN_ID), Idempotency_Key="a"))
        assert without_ids(hot) == without_ids(cold)
        assert hot.status == 429


async def test_a_hot_route_counts_the_forwarded_address(clock: Seconds) -> None:
    async with listening(app_with(rate_limit_address="2/minute", trusted_proxies=PROXY)) as port:
        wallet = await new_wallet(port)
        async with connected(port) as peer:
            read = f"/v1/wallets/{wallet}"
            statuses = [
                (await peer.ask(request("GET", read, X_Forwarded_For=address))).status
                for address in ("198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.2", "9.9.9.9,198.51.100.1")
            ]
    assert statuses == [200, 200, 429, 200, 429]


async def test_recipients_have_a_rate_of_their_own_and_say_what_is_left(clock: Seconds) -> None:
    async with client_with(rate_limit="1000/second", rate_limit_address="1000/second") as client:
        body = registration()
        assert (await client.post("/v1/customers", json=body)).status_code == 201
        asked = {"phone_number": body["phone_number"]}
        answer = await client.get("/v1/recipients", params=asked)
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"recipients";q=30;w=60'
        assert answer.headers["ratelimit"] == '"recipients";r=29;t=60'
        answer = await client.get("/v1/recipients", params={"phone_number": "+250788999999"})
        assert (answer.status_code, answer.headers["ratelimit"]) == (404, '"recipients";r=28;t=60')
        for _ in range(28):
            answer = await client.get("/v1/recipients", params=asked)
        clock.now += 10
        assert_limited(await client.get("/v1/recipients", params=asked), "recipients", 30, 60, 50)
        answer = await client.get("/v1/wallets")
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
        clock.now += 50
        assert (await client.get("/v1/recipients", params=asked)).status_code == 200


async def signed_in_customer(port: int) -> tuple[str, str]:
    """Register a customer with a PIN and sign in. Returns their wallet and an access token."""
    body, password = registration(), {"password": "739184"}
    async with connected(port) as peer:
        registered = (await peer.ask(request("POST", "/v1/customers", json.dumps(body).encode()))).json()
    async with connected(port) as peer:
        path = f"/v1/customers/{registered['id']}/password"
        assert (await peer.ask(request("PUT", path, json.dumps(password).encode()))).status == 204
    grant = {"grant_type": "password", "phone_number": body["phone_number"], **password}
    async with connected(port) as peer:
        sent = request("POST", "/v1/auth/token", json.dumps(grant).encode())
        answer = await peer.ask(sent.replace(f"Authorization: {BEARER['Authorization']}\r\n".encode(), b""))
    return registered["wallets"][0]["id"], answer.json()["access_token"]


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/transactions?dry_run=true", "/v1/batches"])
async def test_a_customer_cannot_try_phone_numbers_by_paying(clock: Seconds, path: str) -> None:
    async with listening(app_with(rate_limit="1000/second")) as port:
        wallet, token = await signed_in_customer(port)
        payment = {
            "type": "transfer",
            "from_wallet_id": wallet,
            "to_phone_number": "+250788999999",
            "amount": "1",
            "currency": "RWF",
        }
        batch = {"mode": "independent", "transactions": [payment] * 10}
        body = json.dumps(batch if path.endswith("batches") else payment).encode()

        async def pay(authorization: str) -> Response:
            headers = {"Authorization": authorization, "Idempotency-Key": f"try-{unique_number()}"}
            async with connected(port) as peer:
                return await peer.ask(request("POST", path, body, **headers))

        allowed = 3 if path.endswith("batches") else 30
        customer = [await pay(f"Bearer {token}") for _ in range(allowed + 1)]
        assert {one.status for one in customer[:-1]} == {422 if path.endswith("batches") else 404}
        assert all(b"no customer with this phone number" in one.body for one in customer[:-1])
        assert (customer[-1].status, customer[-1].headers["ratelimit-policy"]) == (429, '"recipients";q=30;w=60')
        assert 429 not in {(await pay(BEARER["Authorization"])).status for _ in range(allowed + 1)}


@pytest.mark.parametrize(
    ("path", "body", "name", "rate"),
    [
        ("/v1/auth/token", {"grant_type": "refresh_token", "refresh_token": "x"}, "sign_in", 120),
        ("/v1/auth/code", {"phone_number": "+250788999999"}, "codes", 10),
    ],
)
async def test_sign_in_and_codes_have_rates_of_an_address(
    clock: Seconds, path: str, body: Json, name: str, rate: int
) -> None:
    async with client_with(rate_limit_address="1000/second", trusted_proxies=PROXY) as client:
        client.auth = None
        allowed = {(await client.post(path, json=body, headers=ELSEWHERE)).status_code for _ in range(rate)}
        assert 429 not in allowed
        refused = await client.post(path, json=body, headers=ELSEWHERE)
        assert_limited(refused, f"{name}-address", rate, 60, 60)
        answer = await client.post(path, json=body)
        assert (answer.status_code in allowed, answer.headers["ratelimit"]) == (
            True,
            f'"{name}-address";r={rate - 1};t=60',
        )


async def test_a_caller_who_sets_many_passwords_leaves_threads_to_others(clock: Seconds) -> None:
    path, body = f"/v1/customers/{UNKNOWN_ID}/password", {"password": "correct horse battery"}
    async with client_with(rate_limit="100000/second") as client:
        assert {(await client.put(path, json=body)).status_code for _ in range(600)} == {404}
        assert_limited(await client.put(path, json=body), "passwords", 600, 60, 60)
        assert (await client.get(f"/v1/customers/{UNKNOWN_ID}")).status_code == 404


async def test_a_restart_begins_anew(clock: Seconds) -> None:
    for _ in range(2):
        async with client_with(rate_limit="1/hour") as client:
            assert [(await client.get("/v1/wallets")).status_code for _ in range(2)] == [200, 429]


async def test_metrics_count_what_was_refused_by_limit(clock: Seconds) -> None:
    async with client_with(rate_limit="1/hour") as client:

        async def counted() -> float:
            lines = (await client.get("/metrics")).text.splitlines()
            series = [one for one in lines if one.startswith("tekana_http_rate_limited_total{")]
            assert all("127.0.0.1" not in one and "key:" not in one for one in series)
            [line] = [one for one in series if one.startswith('tekana_http_rate_limited_total{limit="caller"}')]
            return float(line.rsplit(" ", 1)[1])

        before = await counted()
        assert [(await client.get("/v1/wallets")).status_code for _ in range(4)] == [200, 429, 429, 429]
        assert await counted() == before + 3


async def test_without_settings_nothing_is_limited(clock: Seconds) -> None:
    async with client_with() as client:
        statuses = {(await client.get("/v1/recipients", params={"phone_number": "+1"})).status_code for _ in range(99)}
        assert statuses == {400}


async def test_pages_of_other_origins_see_the_headers(clock: Seconds) -> None:
    async with client_with(rate_limit="1/minute", cors_origins="https://app.example") as client:
        for _ in range(2):
            answer = await client.get("/v1/wallets", headers={"Origin": "https://app.example"})
        assert answer.status_code == 429
        exposed = answer.headers["access-control-expose-headers"]
        assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(exposed.split(", "))


def test_each_operation_but_probes_documents_the_refusal() -> None:
    paths: Json = json.loads(document())["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            documented = operation["responses"].get("429")
            assert (documented is None) == path.startswith("/health/"), (method, path)
            if documented:
                assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(documented["headers"])
                [example] = documented["content"]["application/problem+json"]["examples"].values()
                assert example["value"]["code"] == "rate_limited"
    recipients = paths["/v1/recipients"]["get"]["responses"]
    assert all("RateLimit" in recipients[status]["headers"] for status in ("200", "404", "429"))
