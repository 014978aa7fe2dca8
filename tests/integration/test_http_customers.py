"""Customers over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.integration.http_support import (
    UNKNOWN_ID,
    assert_problem,
    client,
    move,
    register,
    registration,
    unique_number,
    wallet_with,
)
from tests.integration.http_support import (
    both_stores as store_url,
)
from tests.integration.http_support import restarted_app as app

__all__ = ["app", "client", "store_url"]


async def test_a_registration_opens_the_first_wallet(client: httpx.AsyncClient) -> None:
    body = registration(country="RW", external_id="crm-1", currency="USD", metadata={"vip": True, "age": 44, "x": None})
    answer = await client.post("/v1/customers", json=body)
    customer = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/customers/{customer['id']}"
    assert answer.headers["etag"] == '"1"'
    assert uuid.UUID(customer["id"]).version == 7
    wallet = customer["wallets"][0]
    assert {name: customer[name] for name in body if name != "currency"} == {
        name: value for name, value in body.items() if name != "currency"
    }
    assert (customer["status"], customer["tier"], customer["suspension_reason"]) == ("active", None, None)
    assert customer["created_at"].endswith("Z")
    assert wallet == {
        "id": wallet["id"],
        "customer_id": customer["id"],
        "house": None,
        "kind": "personal",
        "currency": "USD",
        "name": None,
        "status": "active",
        "freeze_scope": None,
        "freeze_reason": None,
        "ledger_balance": "0.00",
        "held": "0.00",
        "available_balance": "0.00",
        "version": 0,
        "metadata": None,
        "created_at": wallet["created_at"],
        "updated_at": wallet["updated_at"],
    }
    read = await client.get(answer.headers["location"])
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, customer, '"1"')


async def test_the_first_wallet_is_in_the_operators_currency_by_default(client: httpx.AsyncClient) -> None:
    assert [wallet["currency"] for wallet in (await register(client))["wallets"]] == ["RWF"]


@pytest.mark.parametrize("field", ["email", "phone_number", "external_id"])
async def test_a_contact_of_another_customer_is_refused(client: httpx.AsyncClient, field: str) -> None:
    first = await register(client, external_id="mine")
    body = registration(**{field: first[field]})
    problem = assert_problem(await client.post("/v1/customers", json=body), 409, "customer_exists")
    assert "transaction_id" not in problem


async def test_a_registration_repeated_with_its_key_is_executed_once(client: httpx.AsyncClient) -> None:
    body, headers = registration(metadata={"b": 1, "a": "x"}), {"Idempotency-Key": "register-1"}
    first = await client.post("/v1/customers", json=body, headers=headers)
    again = await client.post("/v1/customers", json=body, headers=headers)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    other = await client.post("/v1/customers", json={**body, "full_name": "Another Name"}, headers=headers)
    assert_problem(other, 422, "idempotency_key_reused")
    assert len((await client.get("/v1/customers")).json()["items"]) == 1


async def test_a_refused_registration_repeated_with_its_key_gets_the_same_response(client: httpx.AsyncClient) -> None:
    taken = await register(client)
    body, headers = registration(email=taken["email"]), {"Idempotency-Key": "refused"}
    first = await client.post("/v1/customers", json=body, headers=headers)
    assert_problem(first, 409, "customer_exists")
    again = await client.post("/v1/customers", json=body, headers=headers)
    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"] == first.json()["request_id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", " "),
        ("full_name", "a" * 201),
        ("full_name", "a\x00b"),
        ("full_name", "a\nb"),
        ("full_name", 7),
        ("full_name", None),
        ("email", "unknown"),
        ("email", "a@b@c"),
        ("email", ""),
        ("email", "a\x00@example.com"),
        ("phone_number", "12"),
        ("phone_number", "call me"),
        ("phone_number", "0788123456"),
        ("country", "XX"),
        ("country", "rw"),
        ("external_id", ""),
        ("currency", "EURO"),
        ("currency", "XXX"),
        ("currency", "usd"),
        ("metadata", []),
        ("metadata", "x"),
        ("unheard_of", 1),
        ("id", str(UNKNOWN_ID)),
    ],
)
async def test_an_invalid_registration_is_refused(client: httpx.AsyncClient, field: str, value: Any) -> None:
    answer = await client.post("/v1/customers", json=registration(**{field: value}))
    assert_problem(answer, 400, "invalid_request", field)
    assert (await client.get("/v1/customers")).json() == {"items": [], "next_cursor": None}


async def test_all_faults_of_a_registration_are_reported_together(client: httpx.AsyncClient) -> None:
    body = {"full_name": 7, "email": "unknown", "phone_number": "call me", "country": "rw", "external_id": "", "x": 1}
    problem = assert_problem(await client.post("/v1/customers", json=body), 400, "invalid_request")
    named = {one["field"] for one in problem["errors"]}
    assert named == {"full_name", "email", "phone_number", "country", "external_id", "x"}
    assert len(problem["errors"]) == len(named)
    assert (await client.get("/v1/customers")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["full_name", "email", "phone_number"]),
        ({"full_name": None, "email": 7, "phone_number": []}, ["full_name", "email", "phone_number"]),
        ({"full_name": "A", "email": "x", "currency": "EURO", "id": 1}, ["phone_number", "id", "email", "currency"]),
    ],
)
async def test_faults_of_different_kinds_are_reported_together(
    client: httpx.AsyncClient, body: Any, fields: list[str]
) -> None:
    problem = assert_problem(await client.post("/v1/customers", json=body), 400, "invalid_request")
    assert [one["field"] for one in problem["errors"]] == fields


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"a": [1]}, "metadata"),
        ({"a": {}}, "metadata"),
        ({"": 1}, "metadata"),
        ({"a": "x" * 501}, "metadata.a"),
        ({"a": 2**53}, "metadata.a"),
        ({"a": "\x00"}, "metadata.a"),
        ({f"n{number}": 1 for number in range(51)}, "metadata"),
    ],
)
async def test_metadata_of_invalid_type_or_size_are_refused(
    client: httpx.AsyncClient, metadata: Any, field: str
) -> None:
    answer = await client.post("/v1/customers", json=registration(metadata=metadata))
    assert_problem(answer, 400, "invalid_request", field)


async def test_customers_are_found_by_filters(client: httpx.AsyncClient) -> None:
    aline = await register(client, email="Aline+x@Example.com", phone_number="+250788123456", external_id="a b")
    await register(client)

    async def find(query: str) -> list[str]:
        answer = await client.get(f"/v1/customers?{query}")
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]

    assert await find("email=ALINE%2Bx@example.com") == [aline["id"]]
    assert await find("email=aline+x@example.com") == [aline["id"]]
    assert await find("phone_number=%2B250788123456") == [aline["id"]]
    assert await find("phone_number=+250%20788%20123%20456") == [aline["id"]]
    assert await find("external_id=a+b&status=active") == [aline["id"]]
    assert await find("status=closed") == []
    assert await find("email=unknown@example.com") == []
    assert len(await find("")) == 2


async def test_customers_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    ids = [(await register(client))["id"] for _ in range(5)]
    seen, cursor, sizes = [], "", []
    while True:
        page = (await client.get(f"/v1/customers?limit=2{cursor}")).json()
        seen += [one["id"] for one in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ids
    assert sizes == [2, 2, 1]
    everyone = (await client.get("/v1/customers?limit=5")).json()
    assert (len(everyone["items"]), everyone["next_cursor"]) == (5, None)


async def test_an_update_requires_the_current_etag(client: httpx.AsyncClient) -> None:
    customer = await register(client, external_id="x", metadata={"a": 1})
    path = f"/v1/customers/{customer['id']}"
    assert_problem(await client.patch(path, json={"full_name": "B"}), 428, "invalid_request", "If-Match")
    for malformed in ("1", '"x"', '"0"', '"1" "2"', '"1", x', 'w/"1"', "", '""', '"99999999999999999999"', '*, "1"'):
        answer = await client.patch(path, json={"full_name": "B"}, headers={"If-Match": malformed})
        assert_problem(answer, 400, "invalid_request", "If-Match")
    changed = await client.patch(path, json={"full_name": "B", "external_id": None}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert {**customer, "full_name": "B", "external_id": None, "version": 2} == {
        **changed.json(),
        "updated_at": customer["updated_at"],
    }
    stale = await client.patch(path, json={"full_name": "C"}, headers={"If-Match": '"1"'})
    assert_problem(stale, 412, "concurrent_update")
    anyhow = await client.patch(path, json={"metadata": None}, headers={"If-Match": "*"})
    assert (anyhow.status_code, anyhow.json()["metadata"], anyhow.json()["full_name"]) == (200, None, "B")


@pytest.mark.parametrize("tags", ['W/"1"', '"7", "8"', 'W/"1", "7"', '"7"'])
async def test_an_etag_that_does_not_match_is_refused(client: httpx.AsyncClient, tags: str) -> None:
    customer = await register(client)
    path = f"/v1/customers/{customer['id']}"
    answer = await client.patch(path, json={"full_name": "B"}, headers={"If-Match": tags})
    assert "version 1 now" in assert_problem(answer, 412, "concurrent_update")["detail"]
    assert (await client.get(path)).json() == customer
    unknown = await client.patch(f"/v1/customers/{UNKNOWN_ID}", json={"full_name": "B"}, headers={"If-Match": tags})
    assert_problem(unknown, 404, "not_found")


@pytest.mark.parametrize("tags", ['"7", "1"', '"1","7"', ' "1" ', 'W/"7" , "1"'])
async def test_one_matching_etag_of_several_is_accepted(client: httpx.AsyncClient, tags: str) -> None:
    path = f"/v1/customers/{(await register(client))['id']}"
    answer = await client.patch(path, json={"full_name": "B"}, headers={"If-Match": tags})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')


async def test_a_national_number_is_one_of_the_stored_country(client: httpx.AsyncClient) -> None:
    path = f"/v1/customers/{(await register(client, country='RW'))['id']}"
    for tag, number, kept in (('"1"', "0788 000 901", "+250788000901"), ("*", "0788000902", "+250788000902")):
        changed = await client.patch(path, json={"phone_number": number}, headers={"If-Match": tag})
        assert (changed.status_code, changed.json()["phone_number"]) == (200, kept)
    given = {"phone_number": "07911 123456", "country": "GB"}
    changed = await client.patch(path, json=given, headers={"If-Match": '"3", "2"'})
    assert (changed.json()["phone_number"], changed.json()["country"]) == ("+447911123456", "GB")
    changed = await client.patch(path, json={"phone_number": "07911 123457"}, headers={"If-Match": '"9", "4"'})
    assert changed.json()["phone_number"] == "+447911123457"
    stale = await client.patch(path, json={"phone_number": "07911 123458"}, headers={"If-Match": '"4"'})
    assert "version 5 now" in assert_problem(stale, 412, "concurrent_update")["detail"]
    for body in ({"phone_number": "0788"}, {"phone_number": "07911 123458", "country": None}, {"phone_number": "07x"}):
        wrong = await client.patch(path, json=body, headers={"If-Match": "*"})
        assert_problem(wrong, 400, "invalid_request", "phone_number")
    abroad = f"/v1/customers/{(await register(client))['id']}"  # no country is stored
    wrong = await client.patch(abroad, json={"phone_number": "0788000903"}, headers={"If-Match": "*"})
    assert_problem(wrong, 400, "invalid_request", "phone_number")
    missing = await client.patch(
        f"/v1/customers/{UNKNOWN_ID}", json={"phone_number": "0788000903"}, headers={"If-Match": "*"}
    )
    assert_problem(missing, 404, "not_found")


async def test_an_invalid_update_is_refused(client: httpx.AsyncClient) -> None:
    customer, other = await register(client), await register(client)
    path, headers = f"/v1/customers/{customer['id']}", {"If-Match": "*"}
    assert_problem(await client.patch(path, json={}, headers=headers), 400, "invalid_request", "body")
    for body in ({"email": None}, {"full_name": 1}, {"status": "closed"}, {"phone_number": "x"}, {"country": ""}):
        answer = await client.patch(path, json=body, headers=headers)
        assert_problem(answer, 400, "invalid_request", next(iter(body)))
    taken = await client.patch(path, json={"email": other["email"]}, headers=headers)
    assert_problem(taken, 409, "customer_exists")
    unknown = await client.patch(f"/v1/customers/{UNKNOWN_ID}", json={"full_name": "B"}, headers=headers)
    assert_problem(unknown, 404, "not_found")
    assert (await client.get(path)).json() == customer


async def test_the_life_cycle_of_a_customer(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "100")
    customer = (await client.get(f"/v1/wallets/{wallet}")).json()["customer_id"]
    path = f"/v1/customers/{customer}"
    verified = await client.post(f"{path}/verify", json={"tier": "2"})
    assert (verified.status_code, verified.json()["tier"], verified.headers["etag"]) == (200, "2", '"2"')
    suspended = await client.post(f"{path}/suspend", json={"reason": "stolen phone"})
    assert (suspended.json()["status"], suspended.json()["suspension_reason"]) == ("suspended", "stolen phone")
    deposit = {"type": "deposit", "wallet_id": wallet, "amount": "1", "currency": "RWF"}
    assert_problem(await move(client, deposit), 409, "customer_not_active")
    assert_problem(await client.post(f"{path}/verify", json={"tier": "x"}), 409, "customer_not_active")
    active = await client.post(f"{path}/reactivate")
    assert (active.json()["status"], active.json()["suspension_reason"]) == ("active", None)
    assert_problem(await client.post(f"{path}/close"), 409, "wallet_not_empty")
    withdrawal = {"type": "withdrawal", "wallet_id": wallet, "amount": "100", "currency": "RWF"}
    assert (await move(client, withdrawal)).status_code == 201
    closed = await client.post(f"{path}/close", json={})
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    assert [one["status"] for one in closed.json()["wallets"]] == ["closed"]
    assert_problem(await client.post(f"{path}/reactivate"), 409, "customer_not_active")


async def test_optional_idempotency_keys_are_honoured(client: httpx.AsyncClient) -> None:
    customer = (await register(client))["id"]
    headers = {"Idempotency-Key": f"verify-{unique_number()}"}
    first = await client.post(f"/v1/customers/{customer}/verify", json={"tier": "1"}, headers=headers)
    assert (await client.post(f"/v1/customers/{customer}/verify", json={"tier": "2"})).status_code == 200
    again = await client.post(f"/v1/customers/{customer}/verify", json={"tier": "1"}, headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert (await client.get(f"/v1/customers/{customer}")).json()["tier"] == "2"


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("verify", {"tier": ""}, "tier"),
        ("verify", {"tier": "a b"}, "tier"),
        ("verify", {}, "tier"),
        ("suspend", {"reason": ""}, "reason"),
        ("suspend", {"reason": "x", "until": "now"}, "until"),
        ("reactivate", {"reason": "x"}, "reason"),
        ("close", {"force": True}, "force"),
    ],
)
async def test_an_invalid_action_is_refused(client: httpx.AsyncClient, action: str, body: Any, field: str) -> None:
    customer = await register(client)
    answer = await client.post(f"/v1/customers/{customer['id']}/{action}", json=body)
    assert_problem(answer, 400, "invalid_request", field)
    assert (await client.get(f"/v1/customers/{customer['id']}")).json() == customer


async def test_an_unknown_customer_is_not_found(client: httpx.AsyncClient) -> None:
    path = f"/v1/customers/{UNKNOWN_ID}"
    assert_problem(await client.get(path), 404, "not_found")
    assert_problem(await client.post(f"{path}/close"), 404, "not_found")
    assert_problem(await client.post(f"{path}/suspend", json={"reason": "x"}), 404, "not_found")
