"""Batches over HTTP: atomic and independent ones, malformed ones, and replays."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.integration.http_support import (
    UNKNOWN_ID,
    Json,
    assert_problem,
    client,
    move,
    register,
    unique_number,
    wallet_with,
)
from tests.integration.http_support import (
    both_stores as store_url,
)
from tests.integration.http_support import restarted_app as app
from tests.integration.test_http_openapi import DOCUMENT, _validator

__all__ = ["app", "client", "store_url"]

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024


async def send(client: httpx.AsyncClient, mode: Any, *movements: Any, key: str | None = None) -> httpx.Response:
    """Post a batch, with a new idempotency key if none is given."""
    headers = {"Idempotency-Key": key or f"batch-{unique_number()}", "X-Request-ID": f"request-{unique_number()}"}
    answer = await client.post("/v1/batches", json={"mode": mode, "transactions": movements}, headers=headers)
    if "results" in answer.json():
        _validator({"$ref": "#/components/schemas/BatchResults"}).validate(answer.json())
        assert answer.json().keys() == DOCUMENT["components"]["schemas"]["BatchResults"]["properties"].keys()
    return answer


def deposit(wallet: str, amount: str = "10", **more: Any) -> Json:
    return {"type": "deposit", "wallet_id": wallet, "amount": amount, "currency": "RWF", **more}


def transfer(one: str, other: str, amount: str) -> Json:
    return {"type": "transfer", "from_wallet_id": one, "to_wallet_id": other, "amount": amount, "currency": "RWF"}


async def balance(client: httpx.AsyncClient, wallet: str) -> str:
    shown: str = (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"]
    return shown


async def recorded(client: httpx.AsyncClient) -> int:
    return len((await client.get("/v1/transactions?limit=200")).json()["items"])


async def test_an_atomic_batch_is_posted(client: httpx.AsyncClient) -> None:
    one, other = await wallet_with(client), await wallet_with(client)
    for mode in ("atomic", "independent"):
        answer = await send(client, mode, deposit(one), transfer(one, other, "4"))
        assert (answer.status_code, answer.json()["failed_index"]) == (201, None)
        assert answer.headers["content-type"] == "application/json"
        assert "location" not in answer.headers
        for index, result in enumerate(answer.json()["results"]):
            assert (result["index"], result["status"], result.keys()) == (
                index,
                201,
                {"index", "status", "transaction"},
            )
            kept = await client.get(f"/v1/transactions/{result['transaction']['id']}")
            assert kept.json() == result["transaction"]
    assert [await balance(client, wallet) for wallet in (one, other)] == ["12", "8"]


async def test_one_refusal_rejects_an_atomic_batch(client: httpx.AsyncClient) -> None:
    one, other = await wallet_with(client, "100"), await wallet_with(client)
    movements = [transfer(one, other, "60"), transfer(one, other, "41"), transfer(other, one, "60")]
    first = await send(client, "atomic", *movements, key="all or none")
    body = first.json()
    assert (first.status_code, body["failed_index"]) == (422, 1)
    problems = [result["problem"] for result in body["results"]]
    assert [(result["index"], result["status"]) for result in body["results"]] == [(0, 422), (1, 422), (2, 422)]
    assert [problem["code"] for problem in problems] == ["rolled_back", "insufficient_funds", "rolled_back"]
    for movement, problem in zip(movements, problems, strict=True):
        kept = (await client.get(f"/v1/transactions/{problem['transaction_id']}")).json()
        assert (kept["status"], kept["amount"], kept["entries"]) == ("rejected", movement["amount"], [])
        assert (kept["rejection_code"], kept["rejection_detail"]) == (problem["code"], problem["detail"])
        assert problem["request_id"] == first.headers["x-request-id"]
    assert await balance(client, one) == "100"
    await move(client, deposit(one, "1000"))
    again = await send(client, "atomic", *movements, key="all or none")
    assert (again.status_code, again.content) == (422, first.content)
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")


async def test_an_independent_batch_posts_every_valid_movement(client: httpx.AsyncClient) -> None:
    one, other = await wallet_with(client, "100"), await wallet_with(client)
    dollars = await wallet_with(client, currency="USD")
    suspended = await register(client)
    await client.post(f"/v1/customers/{suspended['id']}/suspend", json={"reason": "a court order"})
    movements = [
        transfer(one, other, "60"),
        transfer(one, other, "41"),
        transfer(one, str(UNKNOWN_ID), "1"),
        transfer(one, suspended["wallets"][0]["id"], "1"),
        transfer(one, dollars, "1"),
        transfer(other, one, "60"),
    ]
    first = await send(client, "independent", *movements, key="each on its own")
    body = first.json()
    assert (first.status_code, body["failed_index"]) == (207, None)
    assert [result["status"] for result in body["results"]] == [201, 422, 422, 422, 422, 201]
    refusals = [(problem["code"], problem["status"]) for one in body["results"] if (problem := one.get("problem"))]
    assert refusals == [
        ("insufficient_funds", 422),
        ("not_found", 404),
        ("customer_not_active", 409),
        ("currency_mismatch", 422),
    ]
    again = await send(client, "independent", *movements, key="each on its own")
    assert (again.status_code, again.content) == (207, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert [await balance(client, wallet) for wallet in (one, other)] == ["100", "0"]


async def test_an_independent_batch_can_be_refused_entirely(client: httpx.AsyncClient) -> None:
    one, other = await wallet_with(client), await wallet_with(client)
    answer = await send(client, "independent", transfer(one, other, "1"), transfer(other, one, "1"))
    assert (answer.status_code, answer.json()["failed_index"]) == (422, None)
    assert [result["problem"]["code"] for result in answer.json()["results"]] == ["insufficient_funds"] * 2


async def test_a_refused_movement_has_the_same_problem_as_alone(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    movement = {**deposit(wallet, "1"), "type": "withdrawal"}
    [result] = (await send(client, "independent", movement)).json()["results"]
    alone = (await move(client, movement)).json()
    of_this_request = ("request_id", "transaction_id")
    assert {name: result["problem"][name] for name in alone if name not in of_this_request} == {
        name: value for name, value in alone.items() if name not in of_this_request
    }


async def test_a_key_belongs_to_one_batch(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    assert (await send(client, "atomic", deposit(wallet), key="a")).status_code == 201
    assert (await move(client, deposit(wallet), "b")).status_code == 201
    for answer in (
        await send(client, "independent", deposit(wallet), key="a"),
        await send(client, "atomic", deposit(wallet), deposit(wallet), key="a"),
        await send(client, "atomic", deposit(wallet, "11"), key="a"),
        await send(client, "atomic", deposit(wallet), key="b"),
        await move(client, deposit(wallet), "a"),
    ):
        assert_problem(answer, 422, "idempotency_key_reused")
    assert await recorded(client) == 2


@pytest.mark.parametrize("path", ["transactions", "batches"])
async def test_a_dry_run_needs_no_key_and_refuses_a_malformed_one(client: httpx.AsyncClient, path: str) -> None:
    movement = deposit(await wallet_with(client))
    body = movement if path == "transactions" else {"mode": "atomic", "transactions": [movement]}
    url = f"/v1/{path}?dry_run=true"
    assert (await client.post(url, json=body)).status_code == 200
    answer = await client.post(url, json=body, headers={"Idempotency-Key": "k" * 256})
    assert_problem(answer, 400, "invalid_request", "Idempotency-Key")


async def test_a_batch_needs_a_key(client: httpx.AsyncClient) -> None:
    body = {"mode": "atomic", "transactions": [deposit(await wallet_with(client))]}
    assert_problem(await client.post("/v1/batches", json=body), 400, "idempotency_key_required", "Idempotency-Key")
    assert await recorded(client) == 0


async def test_a_batch_has_at_most_a_thousand_movements(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    answer = await send(client, "independent", *[deposit(wallet, "1")] * 1000)
    assert (answer.status_code, len(answer.json()["results"])) == (201, 1000)
    assert_problem(await send(client, "independent", *[deposit(wallet)] * 1001), 400, "invalid_request", "transactions")
    assert_problem(await send(client, "independent"), 400, "invalid_request", "transactions")
    assert await balance(client, wallet) == "1000"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "0"}, "transactions[1].amount"),
        ({"amount": 5}, "transactions[1].amount"),
        ({"amount": "1.5"}, "transactions[1].amount"),
        ({"currency": "EURO"}, "transactions[1].currency"),
        ({"currency": "x - at `$[3]`"}, "transactions[1].currency"),
        ({"wallet_id": "1"}, "transactions[1].wallet_id"),
        ({"wallet_id": UNKNOWN_ID.hex}, "transactions[1].wallet_id"),
        ({"type": "reversal"}, "transactions[1].type"),
        ({"type": None}, "transactions[1].type"),
        ({"note": "x"}, "transactions[1].note"),
        ({"n" * 200: "x"}, f"transactions[1].{'n' * 63}…"),
        ({"description": "\x00"}, "transactions[1].description"),
        ({"metadata": {"a": {"b": 1}}}, "transactions[1].metadata"),
        ({"metadata": {"a": "x" * 501}}, "transactions[1].metadata.a"),
        ({"effective_at": "yesterday"}, "transactions[1].effective_at"),
    ],
)
async def test_one_malformed_movement_refuses_the_whole_batch(
    client: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    wallet = await wallet_with(client)
    for mode in ("atomic", "independent"):
        answer = await send(client, mode, deposit(wallet), {**deposit(wallet), **change}, deposit(wallet), key="a key")
        assert_problem(answer, 400, "invalid_request", field)
    assert await recorded(client) == 0
    assert (
        await send(client, "atomic", deposit(wallet), key="a key")
    ).status_code == 201  # the refused batch did not use the key


@pytest.mark.parametrize("missing", ["type", "wallet_id", "amount", "currency"])
async def test_missing_fields_of_a_movement_are_refused(client: httpx.AsyncClient, missing: str) -> None:
    movement = deposit(str(UNKNOWN_ID))
    del movement[missing]
    answer = await send(client, "atomic", movement)
    assert_problem(answer, 400, "invalid_request", f"transactions[0].{missing}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "both", "transactions": [deposit(str(UNKNOWN_ID))]}, "mode"),
        ({"mode": None, "transactions": [deposit(str(UNKNOWN_ID))]}, "mode"),
        ({"transactions": [deposit(str(UNKNOWN_ID))]}, "mode"),
        ({"mode": "atomic"}, "transactions"),
        ({"mode": "atomic", "transactions": None}, "transactions"),
        ({"mode": "atomic", "transactions": {}}, "transactions"),
        ({"mode": "atomic", "transactions": [1]}, "transactions[0]"),
        ({"mode": "atomic", "transactions": [None]}, "transactions[0]"),
        ({"mode": "atomic", "transactions": [[]]}, "transactions[0]"),
        ({"mode": "atomic", "transactions": [deposit(str(UNKNOWN_ID))], "type": "batch"}, "type"),
        ([], "body"),
    ],
)
async def test_invalid_batches_are_refused(client: httpx.AsyncClient, body: Any, field: str) -> None:
    answer = await client.post("/v1/batches", json=body, headers={"Idempotency-Key": "x"})
    assert_problem(answer, 400, "invalid_request", field)


async def test_duplicate_names_are_refused(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    fine = json.dumps(deposit(wallet))
    for raw, field in [
        (f'{{"mode": "atomic", "mode": "atomic", "transactions": [{fine}]}}', "mode"),
        (f'{{"mode": "atomic", "transactions": [], "transactions": [{fine}]}}', "transactions"),
        (f'{{"mode": "atomic", "transactions": [{fine}, {fine[:-1]}, "amount": "1"}}]}}', "transactions[1].amount"),
        (
            f'{{"mode": "atomic", "transactions": [{fine}, {fine[:-1]}, "metadata": {{"a": 1, "a": 2}}}}]}}',
            "transactions[1].metadata.a",
        ),
    ]:
        answer = await client.post("/v1/batches", content=raw.encode(), headers={**JSON, "Idempotency-Key": "x"})
        assert_problem(answer, 400, "invalid_request", field)
    assert await recorded(client) == 0


async def test_the_largest_body_of_a_batch_is_accepted(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    body = json.dumps({"mode": "atomic", "transactions": [deposit(wallet)]}).encode()
    headers = {**JSON, "Idempotency-Key": "x"}
    for size in (MIB + 1, 2 * MIB, 3 * MIB):
        answer = await client.post("/v1/batches", content=body.ljust(size), headers=headers)
        assert "1 MiB" in assert_problem(answer, 413, "invalid_request", "body")["detail"]
    assert await recorded(client) == 0
    assert (await client.post("/v1/batches", content=body.ljust(MIB), headers=headers)).status_code == 201


async def test_concurrent_repeats_of_a_batch_post_it_once(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    answers = await asyncio.gather(
        *(send(client, "independent", deposit(wallet), deposit(str(UNKNOWN_ID)), key="the same") for _ in range(16))
    )
    # Each response has its own request id, but stored refusals have that of the first request.
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await balance(client, wallet) == "10"


async def test_all_faults_of_a_batch_are_reported_together(client: httpx.AsyncClient) -> None:
    good = {"type": "deposit", "wallet_id": str(UNKNOWN_ID), "amount": "1", "currency": "RWF"}
    movements = [good, {**good, "amount": "-1", "currency": "EURO"}, {"type": "gift"}, 7, {**good, "wallet_id": "x"}]
    body = {"mode": "some", "transactions": movements}
    answer = await client.post("/v1/batches", json=body, headers={"Idempotency-Key": "wrong"})
    named = {one["field"] for one in assert_problem(answer, 400, "invalid_request")["errors"]}
    assert named >= {"mode", "transactions[2].type", "transactions[3]", "transactions[4].wallet_id"}
    assert {one for one in named if one.startswith("transactions[1]")}
    assert not {one for one in named if one.startswith("transactions[0]")}
    many = {"mode": "atomic", "transactions": [{"type": "deposit"}] * 1000}
    answer = await client.post("/v1/batches", json=many, headers={"Idempotency-Key": "wrong"})
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 20)
