"""Wallets over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tekana.domain.identifiers import HOUSE_ROLES
from tests.integration.http_support import (
    UNKNOWN_ID,
    assert_problem,
    client,
    move,
    register,
    store_url,
    wallet_with,
)
from tests.integration.http_support import restarted_app as app

__all__ = ["app", "client", "store_url"]


async def test_a_customer_opens_a_second_wallet(client: httpx.AsyncClient) -> None:
    customer = await register(client)
    body = {"customer_id": customer["id"], "currency": "KWD", "name": "Savings", "metadata": {"goal": "bike"}}
    opened = await client.post("/v1/wallets", json=body, headers={"Idempotency-Key": "open"})
    wallet = opened.json()
    assert (opened.status_code, opened.headers["location"]) == (201, f"/v1/wallets/{wallet['id']}")
    assert {name: wallet[name] for name in body} == body
    assert wallet["ledger_balance"] == wallet["available_balance"] == wallet["held"] == "0.000"
    again = await client.post("/v1/wallets", json=body, headers={"Idempotency-Key": "open"})
    assert (again.content, again.headers["idempotency-replayed"]) == (opened.content, "true")
    assert (await client.get(opened.headers["location"])).json() == wallet
    whole = (await client.get(f"/v1/customers/{customer['id']}")).json()
    assert [one["id"] for one in whole["wallets"]] == [customer["wallets"][0]["id"], wallet["id"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customer_id", "unknown"),
        ("customer_id", None),
        ("customer_id", UNKNOWN_ID.hex),
        ("currency", "XAU"),
        ("currency", 840),
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\x00"),
        ("ledger_balance", "100"),
    ],
)
async def test_an_invalid_wallet_is_refused(client: httpx.AsyncClient, field: str, value: Any) -> None:
    customer = await register(client)
    body = {"customer_id": customer["id"], "currency": "USD", field: value}
    assert_problem(await client.post("/v1/wallets", json=body), 400, "invalid_request", field)
    assert (await client.get(f"/v1/customers/{customer['id']}")).json() == customer


async def test_wallets_open_for_active_customers_only(client: httpx.AsyncClient) -> None:
    body = {"customer_id": str(UNKNOWN_ID), "currency": "USD"}
    assert_problem(await client.post("/v1/wallets", json=body), 404, "not_found")
    customer = await register(client)
    await client.post(f"/v1/customers/{customer['id']}/close")
    body["customer_id"] = customer["id"]
    assert_problem(await client.post("/v1/wallets", json=body), 409, "customer_not_active")


async def test_wallets_are_found_by_filters(client: httpx.AsyncClient) -> None:
    customer = await register(client)
    body = {"customer_id": customer["id"], "currency": "USD"}
    dollars = (await client.post("/v1/wallets", json=body)).json()

    async def find(query: str) -> list[Any]:
        answer = await client.get(f"/v1/wallets?{query}")
        assert answer.status_code == 200, answer.text
        items: list[Any] = answer.json()["items"]
        return items

    assert await find(f"customer_id={customer['id']}") == [customer["wallets"][0], dollars]
    assert await find(f"customer_id={customer['id']}&currency=USD") == [dollars]
    assert await find(f"customer_id={UNKNOWN_ID}") == []
    assert await find(f"customer_id={customer['id'].upper()}&currency=USD") == [dollars]
    houses = {one["house"] for one in await find("currency=USD")}
    assert houses == {None, *HOUSE_ROLES}


async def test_entries_and_past_balances(client: httpx.AsyncClient) -> None:
    wallet, other = await wallet_with(client, "10000"), await wallet_with(client)
    transfer = {
        "type": "transfer",
        "from_wallet_id": wallet,
        "to_wallet_id": other,
        "amount": "1500",
        "currency": "RWF",
        "description": "Lunch",
        "reference": "order-1",
    }
    moved = (await move(client, transfer)).json()
    page = (await client.get(f"/v1/wallets/{wallet}/entries?limit=1")).json()
    second = (await client.get(f"/v1/wallets/{wallet}/entries?cursor={page['next_cursor']}")).json()
    assert second["next_cursor"] is None
    first, last = page["items"][0], second["items"][0]
    assert (first["version"], first["direction"], first["ledger_balance_after"]) == (1, "credit", "10000")
    assert last == {
        "version": 2,
        "transaction_id": moved["id"],
        "type": "transfer",
        "direction": "debit",
        "amount": "1500",
        "currency": "RWF",
        "ledger_balance_after": "8500",
        "description": "Lunch",
        "reference": "order-1",
        "posted_at": moved["posted_at"],
        "wallet_id": wallet,
    }

    async def versions(query: str) -> Any:
        found = (await client.get(f"/v1/wallets/{wallet}/entries?{query}")).json()
        return [one["version"] for one in found["items"]], found["next_cursor"]

    newest, cursor = await versions("order=desc&limit=1")
    assert (newest, await versions(f"order=desc&limit=1&cursor={cursor}")) == ([2], ([1], None))
    at = moved["posted_at"]
    assert (await versions(f"from={at}"), await versions(f"to={at}")) == (([2], None), ([1], None))
    assert await versions(f"from={first['posted_at']}&order=desc") == ([2, 1], None)

    async def balance(query: str = "") -> Any:
        answer = await client.get(f"/v1/wallets/{wallet}/balance{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    now = await balance()
    assert (now["wallet_id"], now["currency"], now["ledger_balance"], now["version"]) == (wallet, "RWF", "8500", 2)
    assert now["at"].endswith("Z")
    assert (await balance(f"?at={first['posted_at']}"))["ledger_balance"] == "10000"
    early = await balance("?at=2020-01-01T02:00:00+02:00")
    assert (early["ledger_balance"], early["version"], early["at"]) == ("0", 0, "2020-01-01T00:00:00Z")
    whole = (await client.get(f"/v1/wallets/{wallet}")).json()
    assert (whole["ledger_balance"], whole["available_balance"], whole["version"]) == ("8500", "8500", 2)


async def test_the_life_cycle_of_a_wallet(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "100")
    path = f"/v1/wallets/{wallet}"
    deposit = {"type": "deposit", "wallet_id": wallet, "amount": "1", "currency": "RWF"}
    withdrawal = {**deposit, "type": "withdrawal"}
    frozen = await client.post(f"{path}/freeze", json={"scope": "debits", "reason": "dispute"})
    assert frozen.status_code == 200
    assert [frozen.json()[name] for name in ("status", "freeze_scope", "freeze_reason")] == [
        *("frozen", "debits", "dispute"),
    ]
    assert (await move(client, deposit)).status_code == 201
    assert_problem(await move(client, withdrawal), 409, "wallet_not_active")
    await client.post(f"{path}/freeze", json={"scope": "all", "reason": "court"})
    assert_problem(await move(client, deposit), 409, "wallet_not_active")
    unfrozen = await client.post(f"{path}/unfreeze")
    assert [unfrozen.json()[name] for name in ("status", "freeze_scope", "freeze_reason")] == ["active", None, None]
    assert_problem(await client.post(f"{path}/close"), 409, "wallet_not_empty")
    assert (await move(client, {**withdrawal, "amount": "101"})).status_code == 201
    closed = await client.post(f"{path}/close", headers={"Idempotency-Key": "close"})
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    again = await client.post(f"{path}/close", headers={"Idempotency-Key": "close"})
    assert (again.content, again.headers["idempotency-replayed"]) == (closed.content, "true")
    assert_problem(await move(client, deposit), 409, "wallet_not_active")


async def test_a_wallets_details_are_changed(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    path = f"/v1/wallets/{wallet}"
    before = (await client.get(path)).json()
    changes = {"name": "Savings", "metadata": {"goal": "a house"}}
    changed = await client.patch(path, json=changes, headers={"Idempotency-Key": "a change"})
    assert changed.status_code == 200
    assert changed.json() == before | changes | {"updated_at": changed.json()["updated_at"]}
    again = await client.patch(path, json=changes, headers={"Idempotency-Key": "a change"})
    assert (again.content, again.headers["Idempotency-Replayed"]) == (changed.content, "true")
    assert (await client.patch(path, json={"name": None})).json()["name"] is None
    assert (await client.get(path)).json()["metadata"] == {"goal": "a house"}
    for wrong, field in (
        ({}, "body"),
        ({"name": ""}, "name"),
        ({"metadata": 1}, "metadata"),
        ({"status": "x"}, "status"),
    ):
        assert_problem(await client.patch(path, json=wrong), 400, "invalid_request", field)
    await client.post(f"{path}/close")
    assert_problem(await client.patch(path, json={"name": "x"}), 409, "wallet_not_active")
    missing = f"/v1/wallets/{UNKNOWN_ID}"
    assert_problem(await client.patch(missing, json={"name": "x"}), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "credits", "reason": "x"}, "scope"),
        ({"scope": "all"}, "reason"),
        ({"scope": "all", "reason": " "}, "reason"),
        ({"scope": "all", "reason": "x", "wallet_id": str(UNKNOWN_ID)}, "wallet_id"),
    ],
)
async def test_an_invalid_freeze_is_refused(client: httpx.AsyncClient, body: Any, field: str) -> None:
    wallet = await wallet_with(client)
    assert_problem(await client.post(f"/v1/wallets/{wallet}/freeze", json=body), 400, "invalid_request", field)
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["status"] == "active"


async def test_an_unknown_wallet_is_not_found(client: httpx.AsyncClient) -> None:
    path = f"/v1/wallets/{UNKNOWN_ID}"
    for read in ("", "/entries", "/balance"):
        assert_problem(await client.get(f"{path}{read}"), 404, "not_found")
    assert_problem(await client.post(f"{path}/close"), 404, "not_found")
    assert_problem(await client.post(f"{path}/freeze", json={"scope": "all", "reason": "x"}), 404, "not_found")


async def test_a_command_on_a_house_wallet_is_refused_with_the_reason(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "100")
    house = next(one for one in (await client.get("/v1/wallets")).json()["items"] if one["house"] == "settlement")
    assert (house["ledger_balance"], house["customer_id"]) == ("-100", None)
    path, id_ = f"/v1/wallets/{house['id']}", house["id"]
    assert (await client.get(path)).json() == house
    money = {"amount": "1", "currency": "RWF"}
    for answer in (
        await client.patch(path, json={"name": "Ours"}),
        await client.post(f"{path}/freeze", json={"scope": "all", "reason": "x"}),
        await client.post(f"{path}/unfreeze"),
        await client.post(f"{path}/close"),
        await move(client, {"type": "deposit", "wallet_id": id_, **money}),
        await move(client, {"type": "withdrawal", "wallet_id": id_, **money}),
        await move(client, {"type": "transfer", "from_wallet_id": id_, "to_wallet_id": wallet, **money}),
        await move(client, {"type": "payment", "from_wallet_id": wallet, "to_wallet_id": id_, **money}),
    ):
        problem = assert_problem(answer, 404, "not_found")
        assert (
            problem["detail"]
            == f"wallet {id_} is a house wallet (settlement), not a customer's: no command can name it"
        )
    assert (await client.get(path)).json() == house
