"""Holds over HTTP: authorized, captured, voided and changed; shown as they are, and repeated as they were."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.http_support import (
    UNKNOWN_ID,
    assert_problem,
    client,
    move,
    unique_number,
    wallet_with,
)
from tests.integration.http_support import both_stores as store_url
from tests.integration.http_support import restarted_app as app

__all__ = ["app", "client", "store_url"]


async def a_hold(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Authorize a hold of 20.00 USD, and return it."""
    wallet, other = await wallet_with(client, "50", "USD"), await wallet_with(client, currency="USD")
    body = {"type": "hold", "from_wallet_id": wallet, "to_wallet_id": other, "amount": "20", "currency": "USD"}
    answer = await move(client, body | changes)
    assert answer.status_code == 201, answer.text
    hold: dict[str, Any] = answer.json()
    return hold


async def capture(client: httpx.AsyncClient, hold: dict[str, Any], key: str | None = None, **body: Any) -> Any:
    """Capture a hold."""
    headers = {"Idempotency-Key": key or f"capture {unique_number()}"}
    return await client.post(f"/v1/transactions/{hold['id']}/capture", json=body, headers=headers)


async def test_a_hold_is_shown_as_it_is_and_repeated_as_it_was(client: httpx.AsyncClient) -> None:
    hold = await a_hold(client, expires_in=3600, reference="order-1")
    path = f"/v1/transactions/{hold['id']}"
    shown = {
        name: hold[name] for name in ("status", "amount", "captured_amount", "held_amount", "entries", "posted_at")
    }
    assert shown == {
        "status": "pending",
        "amount": "20.00",
        "captured_amount": "0.00",
        "held_amount": "20.00",
        "entries": [],
        "posted_at": None,
    }
    wallet = (await client.get(f"/v1/wallets/{hold['from_wallet_id']}")).json()
    assert (wallet["ledger_balance"], wallet["held"], wallet["available_balance"]) == ("50.00", "20.00", "30.00")
    captured = await capture(client, hold, "a key", amount="7.5", final=False)
    assert captured.status_code == 201
    made = captured.json()
    assert captured.headers["location"] == f"/v1/transactions/{made['id']}"
    assert (made["type"], made["amount"], made["hold_id"], made["reference"]) == (
        "capture",
        "7.50",
        hold["id"],
        "order-1",
    )
    again = await capture(client, hold, "a key", amount="7.50", final=False)
    assert (again.content, again.headers["idempotency-replayed"]) == (captured.content, "true")
    now = (await client.get(path)).json()
    assert now == hold | {"captured_amount": "7.50", "held_amount": "12.50"}
    changed = await client.patch(path, json={"amount": "30"}, headers={"Idempotency-Key": "changing"})
    assert (changed.status_code, changed.json()["amount"], changed.json()["held_amount"]) == (200, "30.00", "22.50")
    voided = await client.post(f"{path}/void", json={"reason": "cancelled"}, headers={"Idempotency-Key": "voiding"})
    assert (voided.status_code, voided.json()) == (
        200,
        changed.json() | {"status": "voided", "held_amount": "0.00", "reason": "cancelled"},
    )
    assert (await client.get(path)).content == voided.content
    repeated = await client.patch(path, json={"amount": "30.00"}, headers={"Idempotency-Key": "changing"})
    assert (repeated.content, repeated.headers["idempotency-replayed"]) == (changed.content, "true")


async def test_refusals(client: httpx.AsyncClient) -> None:
    hold = await a_hold(client)
    path = f"/v1/transactions/{hold['id']}"
    problem = assert_problem(await capture(client, hold, amount="20.01"), 422, "capture_exceeds_hold")
    kept = (await client.get(f"/v1/transactions/{problem['transaction_id']}")).json()
    assert (kept["status"], kept["rejection_code"], kept["hold_id"]) == ("rejected", "capture_exceeds_hold", hold["id"])
    assert_problem(await client.post(f"{path}/capture", json={}), 400, "idempotency_key_required")
    assert_problem(await client.patch(path, json={"amount": "50.01"}), 422, "insufficient_funds")
    assert (await client.post(f"{path}/void", json={})).status_code == 200
    assert_problem(await capture(client, hold), 409, "hold_not_open")
    assert_problem(await client.post(f"{path}/void", json={}), 409, "hold_not_open")
    assert_problem(await client.patch(path, json={"amount": "5"}), 409, "hold_not_open")
    unknown = {"id": str(UNKNOWN_ID)}
    assert_problem(await capture(client, unknown), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/capture", {"amount": "1.234"}, "amount"),
        ("POST", "/capture", {"amount": 5}, "amount"),
        ("POST", "/capture", {"amount": "0.00"}, "amount"),
        ("POST", "/capture", {"final": "no"}, "final"),
        ("POST", "/capture", {"reason": "x"}, "reason"),
        ("POST", "/void", {"reason": ""}, "reason"),
        ("POST", "/void", {"amount": "5"}, "amount"),
        ("PATCH", "", {}, "body"),
        ("PATCH", "", {"amount": "-5"}, "amount"),
        ("PATCH", "", {"expires_in": 0}, "expires_in"),
        ("PATCH", "", {"expires_in": 2_592_001}, "expires_in"),
        ("PATCH", "", {"expires_in": "60"}, "expires_in"),
    ],
)
async def test_bad_input(client: httpx.AsyncClient, method: str, path: str, body: Any, field: str) -> None:
    hold = await a_hold(client)
    headers = {"Idempotency-Key": f"bad {unique_number()}"}
    answer = await client.request(method, f"/v1/transactions/{hold['id']}{path}", json=body, headers=headers)
    problem = assert_problem(answer, 400, "invalid_request")
    assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize("expires_in", [0, 2_592_001, 1.5, "60", None, True])
async def test_bad_durations(client: httpx.AsyncClient, expires_in: Any) -> None:
    wallet = await wallet_with(client, "50", "USD")
    body = {"type": "hold", "from_wallet_id": wallet, "to_wallet_id": wallet, "amount": "20", "currency": "USD"}
    problem = assert_problem(await move(client, body | {"expires_in": expires_in}), 400, "invalid_request")
    assert [one["field"] for one in problem["errors"]] == ["expires_in"]


async def test_holds_are_listed_by_their_status(client: httpx.AsyncClient) -> None:
    one, other = await a_hold(client), await a_hold(client)
    await capture(client, other)
    for status, hold in (("pending", one), ("captured", other)):
        found = (await client.get(f"/v1/transactions?status={status}&type=hold")).json()["items"]
        assert [each["id"] for each in found] == [hold["id"]]
    of_wallet = f"/v1/transactions?wallet_id={other['from_wallet_id']}&status=captured"
    assert [each["id"] for each in (await client.get(of_wallet)).json()["items"]] == [other["id"]]


async def test_a_dry_run_of_a_hold_keeps_nothing(client: httpx.AsyncClient) -> None:
    hold = await a_hold(client)
    body = {name: hold[name] for name in ("from_wallet_id", "to_wallet_id", "currency")} | {"amount": "30"}
    answer = await client.post("/v1/transactions?dry_run=true", json=body | {"type": "hold"})
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    wallet = (await client.get(f"/v1/wallets/{hold['from_wallet_id']}")).json()
    assert wallet["held"] == "20.00"
