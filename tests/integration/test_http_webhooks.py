"""Webhooks over HTTP: the owner's endpoints and deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tekana import Settings
from tekana.application.workers import webhook_dispatcher
from tekana.testing.receiver import Receiver, receiving
from tekana_litestar import create_app
from tests.integration.http_support import (
    UNKNOWN_ID,
    Json,
    assert_problem,
    assert_whole,
    client,
    register,
    started_app,
)
from tests.integration.http_support import both_stores as store_url
from tests.keys import AppKey

__all__ = ["client", "store_url"]

ENDPOINTS = "/v1/webhook-endpoints"
PATIENCE = 30.0


@pytest.fixture
async def app(store_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Litestar]:
    """Start an app that may send webhooks to this machine."""
    for name in ("_POLL_SECONDS", "_REFRESH_SECONDS"):
        monkeypatch.setattr(webhook_dispatcher, name, 0.02)
    settings = Settings(database_url=store_url, webhooks_allow_private=True)
    async with started_app(create_app(settings)) as made:
        yield made
        await assert_whole(made.state.tekana)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def create(client: httpx.AsyncClient, url: str, **other: Any) -> Json:
    answer = await client.post(ENDPOINTS, json={"url": url, **other})
    assert answer.status_code == 201, answer.text
    endpoint: Json = answer.json()
    assert answer.headers["location"] == f"{ENDPOINTS}/{endpoint['id']}"
    return endpoint


async def wait_for_deliveries(
    client: httpx.AsyncClient, endpoint: Json, condition: Callable[[list[Json]], bool]
) -> list[Json]:
    """Wait until the endpoint's deliveries meet the condition, and return them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: list[Json] = (await client.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries")).json()["items"]
            if condition(found):
                return found
            await asyncio.sleep(0.02)


async def test_the_life_cycle_of_an_endpoint(client: httpx.AsyncClient, receiver: Receiver) -> None:
    endpoint = await create(client, receiver.url, description="Accounting", event_types=["CustomerRegistered"])
    assert endpoint["secret"].startswith("whsec_")
    shown = {name: value for name, value in endpoint.items() if name != "secret"}
    assert (await client.get(f"{ENDPOINTS}/{endpoint['id']}")).json() == shown
    assert (await client.get(ENDPOINTS)).json() == {"items": [shown], "next_cursor": None}

    customer = await register(client)
    [delivery] = await wait_for_deliveries(
        client, endpoint, lambda found: bool(found) and found[0]["status"] == "delivered"
    )
    assert (delivery["event_id"], delivery["event_type"]) == (f"{customer['id']}:1", "CustomerRegistered")
    [attempt] = delivery["attempts"]
    assert (attempt["status_code"], attempt["answer"], attempt["error"]) == (200, "thanks", None)
    [sent] = receiver.events
    [listed] = [one for one in (await client.get("/v1/events")).json()["items"] if one["id"] == sent["id"]]
    assert sent == {name: value for name, value in listed.items() if name != "cursor"}

    rotated = (await client.post(f"{ENDPOINTS}/{endpoint['id']}/rotate-secret")).json()
    assert rotated["secret"] not in (endpoint["secret"], None)
    again = await client.post(f"/v1/webhook-deliveries/{delivery['id']}/resend")
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    [delivery] = await wait_for_deliveries(client, endpoint, lambda found: len(found[0]["attempts"]) == 2)
    assert receiver.received[0].headers["webhook-id"] == receiver.received[1].headers["webhook-id"]
    tested = await client.post(f"{ENDPOINTS}/{endpoint['id']}/test", json={})
    assert (tested.status_code, tested.json()["event_type"]) == (202, "WebhookTest")
    await wait_for_deliveries(client, endpoint, lambda found: len(found) == 2 and found[0]["status"] == "delivered")

    deleted = await client.delete(f"{ENDPOINTS}/{endpoint['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_problem(await client.get(f"{ENDPOINTS}/{endpoint['id']}"), 404, "not_found")
    assert (await client.get(ENDPOINTS)).json()["items"] == []


async def test_a_request_repeated_with_its_key_is_executed_once(client: httpx.AsyncClient, receiver: Receiver) -> None:
    body, key = {"url": receiver.url, "event_types": ["WalletOpened"]}, {"Idempotency-Key": "my first endpoint"}
    first = await client.post(ENDPOINTS, json=body, headers=key)
    assert (first.status_code, "idempotency-replayed" in first.headers) == (201, False)
    again = await asyncio.gather(*(client.post(ENDPOINTS, json=body, headers=key) for _ in range(5)))
    for one in again:
        assert (one.status_code, one.content) == (201, first.content)
        assert (one.headers["idempotency-replayed"], one.headers["location"]) == ("true", first.headers["location"])
    assert len((await client.get(ENDPOINTS)).json()["items"]) == 1

    for other in ({**body, "event_types": None}, {**body, "description": "another"}):
        assert_problem(await client.post(ENDPOINTS, json=other, headers=key), 422, "idempotency_key_reused")
    rotate = f"{first.headers['location']}/rotate-secret"
    assert_problem(await client.post(rotate, headers=key), 422, "idempotency_key_reused")
    person = {"full_name": "Aline", "email": "aline@example.com", "phone_number": "+250788000001"}
    assert_problem(await client.post("/v1/customers", json=person, headers=key), 422, "idempotency_key_reused")
    assert (await client.post("/v1/customers", json=person, headers={"Idempotency-Key": "a person"})).status_code == 201
    of_a_person = await client.post(ENDPOINTS, json=body, headers={"Idempotency-Key": "a person"})
    assert_problem(of_a_person, 422, "idempotency_key_reused")
    too_long = await client.post(ENDPOINTS, json=body, headers={"Idempotency-Key": "x" * 256})
    assert_problem(too_long, 400, "invalid_request", "Idempotency-Key")

    new_secret = {"Idempotency-Key": "a new secret"}
    rotated = await client.post(rotate, headers=new_secret)
    assert rotated.json()["secret"] != first.json()["secret"]
    repeated = await client.post(rotate, headers=new_secret)
    assert (repeated.content, repeated.headers["idempotency-replayed"]) == (rotated.content, "true")
    now = await client.post(ENDPOINTS, json=body, headers=key)
    assert now.json() == rotated.json()
    assert (await client.delete(first.headers["location"])).status_code == 204
    assert_problem(await client.post(ENDPOINTS, json=body, headers=key), 404, "not_found")
    assert (await client.get(ENDPOINTS)).json()["items"] == []


async def test_a_change_repeated_with_its_key_is_not_made_again(client: httpx.AsyncClient, receiver: Receiver) -> None:
    path = f"{ENDPOINTS}/{(await create(client, receiver.url, description='first'))['id']}"

    async def twice(method: str, where: str, **body: Any) -> list[httpx.Response]:
        key = {"Idempotency-Key": f"{method} {where} {body}"}
        answers = [await client.request(method, where, headers=key, **body) for _ in range(2)]
        assert [one.headers.get("idempotency-replayed") for one in answers] == [None, "true"]
        assert answers[0].status_code == answers[1].status_code
        return answers

    changed = await twice("PATCH", path, json={"description": "second"})
    assert changed[0].content == changed[1].content
    await client.patch(path, json={"description": "third"})
    third = await client.patch(path, json={"description": "second"}, headers=changed[0].request.headers)
    assert third.json()["description"] == "third"  # done before: the endpoint as it is now
    [first, second] = [one.json()["id"] for one in await twice("POST", f"{path}/test")]
    assert first == second
    assert len((await client.get(f"{path}/deliveries")).json()["items"]) == 1
    await twice("POST", f"/v1/webhook-deliveries/{first}/resend")
    other = await client.delete(path, headers={"Idempotency-Key": f"POST {path}/test {{}}"})
    assert_problem(other, 422, "idempotency_key_reused")
    assert [one.status_code for one in await twice("DELETE", path)] == [204, 204]
    assert_problem(await client.delete(path), 404, "not_found")


async def test_an_endpoint_is_updated_and_disabled(client: httpx.AsyncClient, receiver: Receiver) -> None:
    endpoint = await create(client, receiver.url, description="first", event_types=["WalletOpened"])
    path = f"{ENDPOINTS}/{endpoint['id']}"
    assert (await client.patch(path, json={})).json()["description"] == "first"
    changed = (await client.patch(path, json={"description": None, "event_types": None})).json()
    assert (changed["description"], changed["event_types"], changed["url"]) == (None, None, receiver.url)
    off = (await client.patch(path, json={"status": "disabled"})).json()
    assert (off["status"], off["disabled_reason"]) == ("disabled", "by its owner")
    await register(client)
    assert (await client.get(f"{path}/deliveries")).json()["items"] == []
    on = (await client.patch(path, json={"status": "active"})).json()
    assert (on["status"], on["disabled_reason"]) == ("active", None)
    customer = await register(client)
    await wait_for_deliveries(client, endpoint, lambda found: [one["status"] for one in found] == ["delivered"] * 2)
    assert [one["aggregate_id"] for one in receiver.events if one["aggregate"] == "customer"] == [customer["id"]]


async def test_a_disabled_endpoint_gets_no_test_event_or_resend(client: httpx.AsyncClient, receiver: Receiver) -> None:
    endpoint = await create(client, receiver.url)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    delivery = (await client.post(f"{path}/test")).json()
    await client.patch(path, json={"status": "disabled"})
    for refused in (f"{path}/test", f"/v1/webhook-deliveries/{delivery['id']}/resend"):
        assert_problem(await client.post(refused), 409, "webhook_endpoint_disabled")
    await client.patch(path, json={"status": "active"})
    assert (await client.post(f"/v1/webhook-deliveries/{delivery['id']}/resend")).status_code == 202


async def test_endpoints_are_listed_in_pages(client: httpx.AsyncClient, receiver: Receiver) -> None:
    made = [(await create(client, receiver.url))["id"] for _ in range(3)]
    first = (await client.get(f"{ENDPOINTS}?limit=2")).json()
    second = (await client.get(f"{ENDPOINTS}?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["id"] for one in first["items"] + second["items"]] == made
    assert second["next_cursor"] is None
    assert_problem(await client.get(f"{ENDPOINTS}?cursor=nonsense"), 400, "invalid_request", "cursor")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:secret@example.com/"}, "url"),
        ({"url": "https://example.com/#part"}, "url"),
        ({"url": "https:///hooks"}, "url"),
        ({"url": "https://example.com:none/"}, "url"),
        ({"url": "https://example.com:0/"}, "url"),
        ({"url": "https://example.com:00/hooks"}, "url"),
        ({"url": "https://example.com:65536/"}, "url"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
        ({"url": "https://example.com/\r\nx-evil: 1"}, "url"),
        ({"url": "https://example.com/", "event_types": []}, "event_types"),
        ({"url": "https://example.com/", "event_types": ["WalletOpened", "Nonsense"]}, "event_types[1]"),
        ({"url": "https://example.com/", "event_types": ["WalletOpened", "WalletOpened"]}, "event_types"),
        ({"url": "https://example.com/", "description": ""}, "description"),
        ({"url": "https://example.com/", "secret": "mine"}, "secret"),
    ],
)
async def test_an_invalid_endpoint_is_refused(client: httpx.AsyncClient, body: Json, field: str) -> None:
    assert_problem(await client.post(ENDPOINTS, json=body), 400, "invalid_request", field)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "http://93.184.216.34/", "https://[::1]/"])
async def test_an_address_that_is_not_public_is_refused(url: str) -> None:
    async with started_app(create_app("memory://")) as app:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # one ASGI, two notations
        async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test", auth=AppKey(app)) as client:
            assert_problem(await client.post(ENDPOINTS, json={"url": url}), 400, "invalid_request", "url")


async def test_an_unknown_endpoint_is_not_found(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", f"{ENDPOINTS}/{UNKNOWN_ID}"),
        ("PATCH", f"{ENDPOINTS}/{UNKNOWN_ID}"),
        ("DELETE", f"{ENDPOINTS}/{UNKNOWN_ID}"),
        ("POST", f"{ENDPOINTS}/{UNKNOWN_ID}/rotate-secret"),
        ("POST", f"{ENDPOINTS}/{UNKNOWN_ID}/test"),
        ("GET", f"{ENDPOINTS}/{UNKNOWN_ID}/deliveries"),
        ("POST", f"/v1/webhook-deliveries/{UNKNOWN_ID}/resend"),
    ):
        body = {"json": {}} if method in ("POST", "PATCH") else {}
        assert_problem(await client.request(method, path, **body), 404, "not_found")  # type: ignore[arg-type]
        wrong = await client.request(method, path.replace(str(UNKNOWN_ID), "nonsense"), **body)  # type: ignore[arg-type]
        assert_problem(wrong, 400, "invalid_request")
