"""The audit log over HTTP: what gets into it, who reads it, and its export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, KeyProperties, create_api_key
from tekana.application import audit_recorder
from tekana.ports.page import PAGE_SIZE_MAX
from tekana.testing.builders import person
from tekana_litestar import create_app
from tekana_memory import MemoryStore
from tests.integration.http_support import UNKNOWN_ID, assert_problem, started_app
from tests.integration.test_http_authentication import bearer, new_key

LOG = "/v1/audit-log"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_recorder, "FLUSH_SECONDS", 0.01)


@pytest.fixture
async def app() -> AsyncIterator[Litestar]:
    async with started_app(create_app("memory://", store=MemoryStore())) as made:
        yield made


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 5000))  # type: ignore[arg-type] # one ASGI, two notations
    async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test") as made:
        yield made


@pytest.fixture
async def operator(app: Litestar) -> Mapping[str, str]:
    return bearer((await new_key(app))[1])


async def entries(client: httpx.AsyncClient, operator: Mapping[str, str], **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(LOG, params=query, headers=operator)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def recorded(
    client: httpx.AsyncClient, operator: Mapping[str, str], number: int, **query: Any
) -> list[dict[str, Any]]:
    """Return this number of matching entries, once the recorder has written them."""
    for _ in range(200):
        found = await entries(client, operator, **query)
        if len(found) >= number:
            return found
        await asyncio.sleep(0.01)  # requests to an app in this process do not let others run
    raise AssertionError(f"{len(found)} entries instead of {number}")


async def register(client: httpx.AsyncClient, headers: Mapping[str, str]) -> dict[str, Any]:
    one = person()
    body = {"full_name": one.full_name, "email": one.email, "phone_number": one.phone_number}
    answer = await client.post("/v1/customers", json=body, headers={**headers, "Idempotency-Key": one.email})
    assert answer.status_code == 201, answer.text
    registered: dict[str, Any] = answer.json()
    return registered


async def test_an_act_is_recorded_with_its_request_and_address(
    client: httpx.AsyncClient, operator: Mapping[str, str]
) -> None:
    wallet_id = (await register(client, operator))["wallets"][0]["id"]
    headers = {**operator, "X-Request-ID": "freeze-1", "Idempotency-Key": "freeze-1"}
    body = {"scope": "debits", "reason": "canary reason"}
    assert (await client.post(f"/v1/wallets/{wallet_id}/freeze", json=body, headers=headers)).status_code == 200
    [entry] = await entries(client, operator, resource_id=wallet_id)
    assert (entry["action"], entry["outcome"], entry["code"]) == ("FreezeWallet", "done", None)
    assert (entry["request_id"], entry["address"], entry["kind"]) == ("freeze-1", "192.0.2.7", "operator")
    assert entry["before"] == {"status": "active", "freeze_scope": None}
    assert entry["after"] == {"status": "frozen", "freeze_scope": "debits"}
    assert entry["personal_fields"] == ["freeze_reason"]
    assert "canary" not in json.dumps(await entries(client, operator))


async def test_a_missing_scope_is_recorded(
    app: Litestar, client: httpx.AsyncClient, operator: Mapping[str, str]
) -> None:
    _, text = await new_key(app, KeyProperties("Reader", "partner", ("wallets:read",), "north"))
    for _ in range(5):
        answer = await client.post(
            f"/v1/wallets/{UNKNOWN_ID}/freeze", json={"scope": "all", "reason": "x"}, headers=bearer(text)
        )
        assert_problem(answer, 403, "forbidden")
    assert_problem(await client.get(LOG, headers=bearer(text)), 403, "forbidden")
    found = await recorded(client, operator, 2, outcome="refused")
    read, freeze = found
    assert (freeze["action"], freeze["code"], freeze["resource_id"]) == (
        *("FreezeWallet", "forbidden", str(UNKNOWN_ID)),
    )
    assert (freeze["tenant"], freeze["address"], freeze["occurrences"]) == ("north", "192.0.2.7", 1)
    assert (read["action"], read["request_id"] is None) == ("audit_log", False)


async def test_failed_authentications_are_counted_by_address(
    client: httpx.AsyncClient, operator: Mapping[str, str]
) -> None:
    for number in range(20):
        headers = {"X-Request-ID": f"attack-{number}", "Authorization": f"Bearer tk_{number:032x}_{'0' * 64}"}
        assert_problem(await client.get("/v1/customers", headers=headers), 401, "unauthenticated")
    [entry] = await recorded(client, operator, 1, action="Authenticate")
    assert (entry["subject"], entry["kind"], entry["tenant"]) == ("unknown", None, "main")
    assert (entry["code"], entry["address"], entry["request_id"]) == ("unauthenticated", "192.0.2.7", "attack-0")


async def test_reading_the_log_is_recorded(client: httpx.AsyncClient, operator: Mapping[str, str]) -> None:
    entry = (await recorded(client, operator, 1, action="ReadAuditLog"))[0]
    assert (entry["outcome"], entry["address"]) == ("done", "192.0.2.7")


async def test_a_tenant_reads_its_own_entries(app: Litestar, client: httpx.AsyncClient) -> None:
    scopes = ("audit-log:read", "customers:write")
    north, south = [
        bearer((await new_key(app, KeyProperties("A shop", "partner", scopes, tenant)))[1])
        for tenant in ("north", "south")
    ]
    await register(client, north)
    actions = {one["action"] for one in await entries(client, north)}
    assert actions >= {"CreateApiKey", "RegisterCustomer"}
    assert "RegisterCustomer" not in {one["action"] for one in await entries(client, south)}


async def test_the_export_has_every_entry_once(
    app: Litestar, client: httpx.AsyncClient, operator: Mapping[str, str]
) -> None:
    session = app.state.tekana.as_caller(LOCAL_OPERATOR)
    ids = [str((await session.execute(person())).customer.id) for _ in range(PAGE_SIZE_MAX + 5)]
    answer = await client.get(f"{LOG}/export", params={"action": "RegisterCustomer"}, headers=operator)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["resource_id"] for one in lines] == ids
    again = await client.get(LOG, params={"resource_id": ids[0]}, headers=operator)
    assert again.json()["items"] == lines[:1]
    head = await client.head(f"{LOG}/export", headers=operator)
    assert (head.status_code, head.text) == (200, "")
    assert_problem(await client.get(f"{LOG}/export", params={"limit": 5}, headers=operator), 400, "invalid_request")


async def test_pages_and_bad_queries(client: httpx.AsyncClient, operator: Mapping[str, str]) -> None:
    for _ in range(3):
        await register(client, operator)
    asked = {"action": "RegisterCustomer", "limit": 2}
    first = (await client.get(LOG, params=asked, headers=operator)).json()
    second = (await client.get(LOG, params={**asked, "cursor": first["next_cursor"]}, headers=operator)).json()
    assert len({one["id"] for one in first["items"] + second["items"]}) == 3
    assert second["next_cursor"] is None
    oldest = await entries(client, operator, action="RegisterCustomer", order="asc")
    assert oldest == [*first["items"], *second["items"]][::-1]
    too_long = {"subject": "s" * 256}, {"action": "a" * 101}
    for query in ({"outcome": "maybe"}, {"resource_id": "x"}, {"from": "yesterday"}, {"nothing": "1"}, *too_long):
        assert_problem(await client.get(LOG, params=query, headers=operator), 400, "invalid_request")


async def test_a_created_key_is_recorded(app: Litestar, client: httpx.AsyncClient, operator: Mapping[str, str]) -> None:
    issued = await create_api_key(app.state.tekana.as_caller(LOCAL_OPERATOR), KeyProperties("Shop", "partner"))
    [entry] = await entries(client, operator, resource_id=str(issued.key.id))
    assert (entry["action"], entry["subject"], entry["address"]) == ("CreateApiKey", LOCAL_OPERATOR.subject, None)
    assert issued.text is not None
    assert issued.text[-64:] not in json.dumps(entry)
