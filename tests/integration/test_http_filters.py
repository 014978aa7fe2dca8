"""Filters and orders of lists over HTTP, and outcomes by idempotency key."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.http_support import (
    UNKNOWN_ID,
    app,
    assert_problem,
    client,
    move,
    register,
    store_url,
    wallet_with,
)

__all__ = ["app", "client", "store_url"]


async def ids_of(client: httpx.AsyncClient, path: str, **which: Any) -> list[str]:
    """Return the ids of all items, in pages of two."""
    found: list[str] = []
    parameters = {**which, "limit": "2"}
    while True:
        page = (await client.get(path, params=parameters)).json()
        found += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            return found
        parameters["after" if path == "/v1/events" else "cursor"] = page["next_cursor"]


async def deposit(client: httpx.AsyncClient, wallet: str, amount: str, key: str | None = None, **more: Any) -> str:
    body = {"type": "deposit", "wallet_id": wallet, "amount": amount, "currency": "RWF", **more}
    answer = await client.post("/v1/transactions", json=body, headers={"Idempotency-Key": key or str(uuid4())})
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


async def test_transactions_by_content(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    small = await deposit(client, wallet, "5", metadata={"order": "1 & 2", "paid": True})
    large = await deposit(client, wallet, "700", "a key", metadata={"order": "1 & 2", "paid": False})
    for which, expected in (
        ({"currency": "RWF"}, [large, small]),
        ({"currency": "USD"}, []),
        ({"currency": "RWF", "amount_min": "6"}, [large]),
        ({"currency": "RWF", "amount_max": "699"}, [small]),
        ({"currency": "RWF", "amount_min": "5", "amount_max": "5"}, [small]),
        ({"metadata[order]": "1 & 2"}, [large, small]),
        ({"metadata[order]": "1 & 2", "metadata[paid]": "true"}, [small]),
        ({"metadata[order]": "1"}, []),
        ({"idempotency_key": "a key"}, [large]),
        ({"idempotency_key": "another"}, []),
        ({"wallet_id": wallet, "metadata[paid]": "false"}, [large]),
    ):
        assert await ids_of(client, "/v1/transactions", **which) == expected, which
        assert await ids_of(client, "/v1/transactions", **which, order="desc") == expected
        assert await ids_of(client, "/v1/transactions", **which, order="asc") == expected[::-1]


async def test_wallets_and_customers(client: httpx.AsyncClient) -> None:
    customer = await register(client)
    first = customer["wallets"][0]["id"]
    body = {"customer_id": customer["id"], "currency": "RWF", "metadata": {"goal": "a house"}}
    second = (await client.post("/v1/wallets", json=body)).json()["id"]
    await client.post(f"/v1/wallets/{second}/freeze", json={"scope": "all", "reason": "court"})
    mine = {"customer_id": customer["id"]}
    assert await ids_of(client, "/v1/wallets", **mine) == [first, second]
    assert await ids_of(client, "/v1/wallets", **mine, order="desc") == [second, first]
    assert await ids_of(client, "/v1/wallets", **mine, status="active") == [first]
    assert await ids_of(client, "/v1/wallets", status="frozen") == [second]
    assert await ids_of(client, "/v1/wallets", **{"metadata[goal]": "a house"}) == [second]
    assert await ids_of(client, "/v1/wallets", **{"metadata[goal]": "a bike"}) == []
    other = await register(client)
    assert await ids_of(client, "/v1/customers") == [customer["id"], other["id"]]
    assert await ids_of(client, "/v1/customers", order="desc") == [other["id"], customer["id"]]


async def test_events_by_type_and_aggregate(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "700")
    whole = (await client.get("/v1/events")).json()["items"]
    for which in (
        {"type": "WalletCredited"},
        {"aggregate": "customer"},
        {"aggregate_id": wallet},
        {"aggregate_id": wallet, "type": "WalletOpened"},
        {"type": "WalletClosed"},
    ):
        expected = [one["id"] for one in whole if all(one[name] == value for name, value in which.items())]
        assert await ids_of(client, "/v1/events", **which) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/v1/transactions?currency=EURO", "currency"),
        ("/v1/transactions?amount_min=5", "currency"),
        ("/v1/transactions?amount_min=5.5&currency=RWF", "amount_min"),
        ("/v1/transactions?amount_max=-5&currency=RWF", "amount_max"),
        ("/v1/transactions?amount_max=&currency=RWF", "amount_max"),
        ("/v1/transactions?metadata=x", "metadata"),
        ("/v1/transactions?metadata[]=x", "metadata[]"),
        ("/v1/transactions?metadata[a]=x&metadata[a]=y", "metadata[a]"),
        ("/v1/transactions?reference[a]=x", "reference[a]"),
        ("/v1/transactions?metadata[" + "x" * 65 + "]=x", ("metadata[" + "x" * 65)[:64]),
        ("/v1/transactions?idempotency_key=", "idempotency_key"),
        ("/v1/transactions?idempotency_key=%C3%A9", "idempotency_key"),
        ("/v1/transactions?order=up", "order"),
        ("/v1/wallets?status=gone", "status"),
        ("/v1/wallets?order=down", "order"),
        ("/v1/customers?order=ASC", "order"),
        ("/v1/events?type=Nothing", "type"),
        ("/v1/events?aggregate=batch", "aggregate"),
        ("/v1/events?aggregate_id=x", "aggregate_id"),
        ("/v1/outcomes", "idempotency_key"),
        ("/v1/outcomes?idempotency_key=", "idempotency_key"),
        (f"/v1/outcomes?idempotency_key={'x' * 256}", "idempotency_key"),
    ],
)
async def test_an_invalid_filter_is_refused(client: httpx.AsyncClient, query: str, field: str) -> None:
    assert_problem(await client.get(query), 400, "invalid_request", field)


EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T02:00:00%2B01:00"


async def test_a_reversed_range_of_amounts_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/transactions?currency=RWF&amount_min=6&amount_max=5")
    problem = assert_problem(answer, 400, "invalid_request")
    assert problem["detail"] == "amount_min: must be at most amount_max, but 6 RWF is more than 5 RWF"


async def test_a_range_with_equal_bounds_and_a_reversed_range_of_times_are_accepted(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "5")
    for path in ("/v1/transactions", f"/v1/wallets/{wallet}/entries"):
        assert (await client.get(f"{path}?from={LATE}&to={EARLY}")).json()["items"] == []
    same = f"from={EARLY}&to={EARLY}"
    assert (await client.get(f"/v1/transactions?{same}")).json()["items"] == []
    assert (await client.get(f"/v1/wallets/{wallet}/entries?{same}")).json()["items"] == []
    [deposit] = (await client.get("/v1/transactions?currency=RWF&amount_min=5&amount_max=5")).json()["items"]
    assert deposit["amount"] == "5"


async def test_the_outcome_of_a_request(client: httpx.AsyncClient) -> None:
    async def outcome(key: str) -> httpx.Response:
        return await client.get("/v1/outcomes", params={"idempotency_key": key})

    wallet = await wallet_with(client)
    paid = await deposit(client, wallet, "700", "paid & done+1")
    succeeded = {"status": "succeeded", "rejection_code": None, "rejection_detail": None}
    assert (await outcome("paid & done+1")).json() == succeeded | {
        "idempotency_key": "paid & done+1",
        "resource": "transaction",
        "resource_id": paid,
    }
    body = {"type": "withdrawal", "wallet_id": wallet, "amount": "9999", "currency": "RWF"}
    refused = await client.post("/v1/transactions", json=body, headers={"Idempotency-Key": "poor"})
    shown = (await outcome("poor")).json()
    assert (shown["status"], shown["resource"]) == ("refused", "transaction")
    assert (shown["rejection_code"], shown["resource_id"]) == ("insufficient_funds", refused.json()["transaction_id"])
    assert shown["rejection_detail"] == refused.json()["detail"]
    await client.post(f"/v1/wallets/{wallet}/close", headers={"Idempotency-Key": "full"})
    shown = (await outcome("full")).json()
    assert [shown[name] for name in ("status", "resource", "rejection_code")] == ["refused", None, "wallet_not_empty"]
    batch = {"mode": "atomic", "transactions": [body | {"amount": "1"}, body | {"amount": "2"}]}
    await client.post("/v1/batches", json=batch, headers={"Idempotency-Key": "batch"})
    assert (await outcome("batch")).json() == succeeded | {
        "status": "decided",
        "idempotency_key": "batch",
        "resource": "batch",
        "resource_id": None,
    }
    assert len(await ids_of(client, "/v1/transactions", idempotency_key="batch")) == 2
    endpoint = await client.post(
        "/v1/webhook-endpoints", json={"url": "https://93.184.215.14/hooks"}, headers={"Idempotency-Key": "hook"}
    )
    text = (await outcome("hook")).text
    assert endpoint.json()["id"] in text
    assert endpoint.json()["secret"] not in text
    for key in ("unused", "PAID & DONE+1", str(UNKNOWN_ID)):
        assert_problem(await outcome(key), 404, "not_found")
    assert_problem(await client.get("/v1/outcomes?idempotency_key=a&idempotency_key=b"), 400, "invalid_request")
    assert (await move(client, body | {"amount": "3"})).status_code == 201
