"""Transactions over HTTP: posted once, refusals recorded, and found by filters."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar

import tekana
from tests.integration.http_support import (
    UNKNOWN_ID,
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

__all__ = ["app", "client", "store_url"]


async def test_a_transfer_is_posted_with_both_entries(client: httpx.AsyncClient) -> None:
    wallet, other = await wallet_with(client, "20", "USD"), await wallet_with(client, currency="USD")
    body = {
        "type": "transfer",
        "from_wallet_id": wallet,
        "to_wallet_id": other,
        "amount": "12.5",
        "currency": "USD",
        "description": "Lunch",
        "reference": "order-1",
        "metadata": {"table": 7, "paid": True, "tip": 0.5, "note": None},
        "effective_at": "2026-01-31T12:00:00+02:00",
    }
    answer = await move(client, body)
    transaction = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/transactions/{transaction['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert transaction == {
        "id": transaction["id"],
        "type": "transfer",
        "status": "posted",
        "amount": "12.50",
        "currency": "USD",
        "description": "Lunch",
        "reference": "order-1",
        "metadata": {"note": None, "paid": True, "table": 7, "tip": 0.5},
        "wallet_id": None,
        "from_wallet_id": wallet,
        "to_wallet_id": other,
        "entries": [
            _entry(wallet, "debit", "12.50", 2, "7.50"),
            _entry(other, "credit", "12.50", 1, "12.50"),
        ],
        "rejection_code": None,
        "rejection_detail": None,
        "created_at": transaction["created_at"],
        "posted_at": transaction["created_at"],
        "effective_at": "2026-01-31T10:00:00Z",
    }
    assert (await client.get(answer.headers["location"])).json() == transaction


def _entry(wallet: str, direction: str, amount: str, version: int, after: str) -> dict[str, Any]:
    return {
        "wallet_id": wallet,
        "direction": direction,
        "amount": amount,
        "currency": "USD",
        "version": version,
        "ledger_balance_after": after,
    }


async def test_deposits_and_withdrawals_use_the_settlement_wallet(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    deposit = {"type": "deposit", "wallet_id": wallet, "amount": "1500", "currency": "RWF"}
    came, went = (await move(client, deposit)).json(), (await move(client, {**deposit, "type": "withdrawal"})).json()
    assert came["wallet_id"] == came["to_wallet_id"] == went["wallet_id"] == went["from_wallet_id"] == wallet
    assert came["from_wallet_id"] == went["to_wallet_id"] != wallet
    assert (came["amount"], went["amount"]) == ("1500", "1500")
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "0"


async def test_a_transaction_requires_an_idempotency_key(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    body = {"type": "deposit", "wallet_id": wallet, "amount": "1", "currency": "RWF"}
    answer = await client.post("/v1/transactions", json=body)
    assert_problem(answer, 400, "idempotency_key_required", "Idempotency-Key")
    for key in (b"", b"x" * 256, "naïve".encode(), b"a\x00b", b"a\tb", b"\x7f"):
        answer = await client.post("/v1/transactions", json=body, headers={b"Idempotency-Key": key})
        assert_problem(answer, 400, "invalid_request", "Idempotency-Key")
    twice = await client.post(
        "/v1/transactions", json=body, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    )
    assert_problem(twice, 400, "invalid_request", "Idempotency-Key")
    assert (await client.get(f"/v1/transactions?wallet_id={wallet}")).json()["items"] == []
    assert (await move(client, body, " ~" + "x" * 253)).status_code == 201


async def test_a_transaction_repeated_with_its_key_is_posted_once(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    body = {"type": "deposit", "wallet_id": wallet, "amount": "100", "currency": "RWF", "metadata": {"b": 1, "a": 2}}
    first, again = await move(client, body, "once"), await move(client, dict(reversed(body.items())), "once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert_problem(await move(client, {**body, "amount": "101"}, "once"), 422, "idempotency_key_reused")
    assert_problem(await move(client, {**body, "type": "withdrawal"}, "once"), 422, "idempotency_key_reused")
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "100"


async def test_a_refusal_is_stored_and_replayed_byte_for_byte(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "100")
    body = {"type": "withdrawal", "wallet_id": wallet, "amount": "101", "currency": "RWF"}
    first = await client.post(
        "/v1/transactions", json=body, headers={"Idempotency-Key": "no", "X-Request-ID": "the-first"}
    )
    problem = assert_problem(first, 422, "insufficient_funds")
    assert problem["request_id"] == first.headers["x-request-id"] == "the-first"
    deposit = {"type": "deposit", "wallet_id": wallet, "amount": "50", "currency": "RWF"}
    assert (await move(client, deposit)).status_code == 201
    again = await move(client, body, "no")
    assert (again.status_code, again.content) == (422, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != "the-first"
    kept = (await client.get(f"/v1/transactions/{problem['transaction_id']}")).json()
    assert (kept["status"], kept["rejection_code"], kept["entries"]) == ("rejected", "insufficient_funds", [])
    assert (kept["rejection_detail"], kept["posted_at"], kept["amount"]) == (problem["detail"], None, "101")


async def test_each_rule_has_its_status_and_code(client: httpx.AsyncClient) -> None:
    wallet, other, dollars = (
        await wallet_with(client, "10"),
        await wallet_with(client),
        await wallet_with(client, "1", "USD"),
    )
    transfer = {"type": "transfer", "from_wallet_id": wallet, "to_wallet_id": other, "amount": "5", "currency": "RWF"}
    unknown = str(UNKNOWN_ID)
    for change, status, code in [
        ({"amount": "11"}, 422, "insufficient_funds"),
        ({"to_wallet_id": wallet}, 422, "same_wallet"),
        ({"to_wallet_id": dollars}, 422, "currency_mismatch"),
        ({"currency": "USD"}, 422, "currency_mismatch"),
        ({"to_wallet_id": unknown}, 404, "not_found"),
        ({"from_wallet_id": unknown}, 404, "not_found"),
    ]:
        problem = assert_problem(await move(client, {**transfer, **change}), status, code)
        kept = (await client.get(f"/v1/transactions/{problem['transaction_id']}")).json()
        assert (kept["status"], kept["rejection_code"]) == ("rejected", code)
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "10"


async def test_a_dry_run_stores_nothing(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "100")
    before = (await client.get("/v1/events?limit=200")).json()
    body = {"type": "withdrawal", "wallet_id": wallet, "amount": "40", "currency": "RWF"}
    would = await client.post("/v1/transactions?dry_run=true", json=body)
    assert (would.status_code, would.json()["status"]) == (200, "posted")
    assert [one["ledger_balance_after"] for one in would.json()["entries"] if one["wallet_id"] == wallet] == ["60"]
    assert_problem(await client.get(f"/v1/transactions/{would.json()['id']}"), 404, "not_found")
    refused = await client.post("/v1/transactions?dry_run=true", json={**body, "amount": "101"})
    problem = assert_problem(refused, 422, "insufficient_funds")
    assert "transaction_id" not in problem
    assert problem["request_id"] == refused.headers["x-request-id"]
    assert_problem(await client.post("/v1/transactions?dry_run=yes", json=body), 400, "invalid_request", "dry_run")
    assert (await client.get("/v1/events?limit=200")).json() == before
    for_real = await client.post("/v1/transactions?dry_run=false", json=body, headers={"Idempotency-Key": "real"})
    assert for_real.status_code == 201


@pytest.mark.parametrize("kind", ["topup", "capture", "reversal", "", "Deposit", "\x00", None, 1])
async def test_an_unknown_transaction_type_is_refused(client: httpx.AsyncClient, kind: Any) -> None:
    wallet = await wallet_with(client, "10")
    body = {"type": kind, "wallet_id": wallet, "amount": "1", "currency": "RWF"}
    assert_problem(await move(client, body), 400, "invalid_request", "type")


async def test_transactions_are_found_by_filters(client: httpx.AsyncClient) -> None:
    customer = await register(client)
    wallet, other = customer["wallets"][0]["id"], await wallet_with(client)
    ids = []
    for number in range(3):
        body = {"type": "deposit", "wallet_id": wallet, "amount": "10", "currency": "RWF", "reference": f"r {number}"}
        ids.append((await move(client, body)).json()["id"])
    transfer = {"type": "transfer", "from_wallet_id": wallet, "to_wallet_id": other, "amount": "99", "currency": "RWF"}
    rejected = assert_problem(await move(client, transfer), 422, "insufficient_funds")["transaction_id"]
    moved = (await move(client, {**transfer, "amount": "9"})).json()

    async def find(**query: str) -> list[str]:
        answer = await client.get("/v1/transactions", params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]

    everything = [moved["id"], rejected, *reversed(ids)]
    assert await find(wallet_id=wallet) == everything
    assert await find(customer_id=customer["id"]) == everything
    assert await find(wallet_id=other) == [moved["id"], rejected]
    assert await find(customer_id=str(UNKNOWN_ID)) == []
    assert await find(wallet_id=wallet, type="transfer", status="posted") == [moved["id"]]
    assert await find(status="rejected") == [rejected]
    assert await find(reference="r 1") == [ids[1]]
    assert await find(**{"from": moved["created_at"]}) == [moved["id"]]
    assert await find(to=moved["created_at"]) == [rejected, *reversed(ids)]
    assert await find(**{"from": moved["created_at"], "to": moved["created_at"]}) == []
    page = (await client.get(f"/v1/transactions?wallet_id={wallet}&limit=4")).json()
    rest = (await client.get(f"/v1/transactions?wallet_id={wallet}&cursor={page['next_cursor']}")).json()
    assert [one["id"] for one in page["items"] + rest["items"]] == everything
    assert rest["next_cursor"] is None


async def test_an_unknown_transaction_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"/v1/transactions/{UNKNOWN_ID}"), 404, "not_found")


async def test_of_64_concurrent_withdrawals_one_succeeds(app: Litestar, client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client, "100")
    body = {"type": "withdrawal", "wallet_id": wallet, "amount": "100", "currency": "RWF"}
    answers = await asyncio.gather(*(move(client, body, f"spend-{number}") for number in range(64)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 63


async def test_64_concurrent_repeats_are_posted_once(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    body = {"type": "deposit", "wallet_id": wallet, "amount": "7", "currency": "RWF"}
    answers = await asyncio.gather(*(move(client, body, "the same") for _ in range(64)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "7"


async def test_a_disconnect_does_not_cancel_the_transaction(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = await wallet_with(client)
    body = {"type": "deposit", "wallet_id": wallet, "amount": "7", "currency": "RWF"}
    key = f"hang-up-{unique_number()}"
    enqueue, queued = tekana.PostingEngine.enqueue, asyncio.Event()

    def enqueue_and_record(engine: tekana.PostingEngine, envelope: Any) -> Any:
        outcome = enqueue(engine, envelope)
        queued.set()
        return outcome

    monkeypatch.setattr(tekana.PostingEngine, "enqueue", enqueue_and_record)
    request = asyncio.create_task(move(client, body, key))
    await queued.wait()
    request.cancel()
    assert isinstance((await asyncio.gather(request, return_exceptions=True))[0], asyncio.CancelledError)
    again = await move(client, body, key)
    assert (again.status_code, again.headers.get("idempotency-replayed")) == (201, "true")
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "7"


async def test_blanks_around_an_idempotency_key_are_removed(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    body = {"type": "deposit", "wallet_id": wallet, "amount": "5", "currency": "RWF"}
    first = await move(client, body, "pay-1")
    for key in ("pay-1 ", " pay-1", "\tpay-1 \t"):
        again = await move(client, body, key)
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "5"


async def test_all_faults_of_a_transaction_are_reported_together(client: httpx.AsyncClient) -> None:
    body = {"type": "transfer", "from_wallet_id": "x", "amount": 5, "reference": "", "note": 1}
    problem = assert_problem(await move(client, body), 400, "invalid_request")
    fields = ["from_wallet_id", "amount", "reference", "note", "to_wallet_id", "currency"]
    assert sorted(one["field"] for one in problem["errors"]) == sorted(fields)
