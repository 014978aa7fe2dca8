"""Approvals over HTTP: 202 for what waits, and the decision of a second person."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tekana import (
    LOCAL_OPERATOR,
    AdjustBalance,
    ApprovalId,
    ApprovalPending,
    ApproveRequest,
    Caller,
    Settings,
    WalletId,
)
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.testing.clock import FrozenClock
from tekana_litestar import create_app, openapi
from tests.integration.http_support import (
    UNKNOWN_ID,
    assert_problem,
    assert_whole,
    client,
    move,
    register,
    started_app,
    unique_number,
    wallet_with,
)
from tests.integration.http_support import both_stores as store_url
from tests.integration.raw_http import connected, listening, new_wallet, request
from tests.integration.test_http_hot_routes import counting

__all__ = ["client", "store_url"]

OTHER = Caller("main", "key:2", LOCAL_OPERATOR.scopes, "operator")
NEEDED = Settings(database_url="memory://", approvals=",".join(APPROVABLE))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def app(store_url: str, clock: FrozenClock) -> AsyncIterator[Litestar]:
    settings = Settings(database_url=store_url, approvals=NEEDED.approvals)
    async with started_app(create_app(settings, clock=clock)) as made:
        yield made
        await assert_whole(made.state.tekana)


def adjustment(wallet: str, direction: str = "credit", amount: str = "500") -> dict[str, Any]:
    return {
        "type": "adjustment",
        "wallet_id": wallet,
        "direction": direction,
        "amount": amount,
        "currency": "RWF",
        "reason": "A fee was taken twice",
    }


async def asked_by_other(app: Litestar, wallet: str) -> ApprovalId:
    """Ask for an adjustment as another operator than the one of the client."""
    with pytest.raises(ApprovalPending) as pending:
        await app.state.tekana.as_caller(OTHER).execute(
            AdjustBalance(
                wallet_id=WalletId(wallet),  # type: ignore[arg-type]
                direction="credit",
                amount="500",
                currency="RWF",
                reason="A fee was taken twice",
            )
        )
    return pending.value.approval.id


async def balance_of(client: httpx.AsyncClient, wallet: str) -> str:
    found: str = (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"]
    return found


async def test_what_waits_is_202_with_the_approval(client: httpx.AsyncClient, app: Litestar) -> None:
    wallet = await wallet_with(client)
    answer = await move(client, adjustment(wallet), "a key")
    approval = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/approvals/{approval['id']}"
    assert approval == {
        "id": approval["id"],
        "status": "pending",
        "command": "AdjustBalance",
        "request": adjustment(wallet),
        "asked_by": "local",
        "asked_at": approval["asked_at"],
        "expires_at": approval["expires_at"],
        **dict.fromkeys(("decided_by", "decided_at", "reason", "rejection_code", "resource", "resource_id")),
    }
    again = await move(client, adjustment(wallet), "a key")
    assert (again.status_code, again.content) == (202, answer.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await client.get(answer.headers["location"])).content == answer.content
    assert (await client.get("/v1/approvals?status=pending")).json()["items"] == [approval]
    assert (await client.get("/v1/approvals?status=approved")).json()["items"] == []
    done = await app.state.tekana.as_caller(OTHER).execute(ApproveRequest(approval_id=approval["id"]))
    approved = (await client.get(answer.headers["location"])).json()
    assert (approved["status"], approved["decided_by"]) == ("approved", "key:2")
    assert (approved["resource"], approved["resource_id"]) == ("transaction", str(done.id))
    transaction = (await client.get(f"/v1/transactions/{done.id}")).json()
    assert (transaction["type"], transaction["reason"]) == ("adjustment", "A fee was taken twice")
    assert (transaction["wallet_id"], transaction["status"]) == (wallet, "posted")
    assert await balance_of(client, wallet) == "500"


async def test_approving_does_it_once(client: httpx.AsyncClient, app: Litestar) -> None:
    wallet = await wallet_with(client)
    path = f"/v1/approvals/{await asked_by_other(app, wallet)}"
    headers = {"Idempotency-Key": f"key {unique_number()}"}
    answer = await client.post(f"{path}/approve", headers=headers)
    assert (answer.status_code, answer.json()["status"], answer.json()["asked_by"]) == (200, "approved", "key:2")
    again = await client.post(f"{path}/approve", headers=headers)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (200, answer.content, "true")
    assert_problem(await client.post(f"{path}/approve"), 409, "approval_decided")
    assert_problem(await client.post(f"{path}/reject", json={"reason": "too late"}), 409, "approval_decided")
    assert await balance_of(client, wallet) == "500"


async def test_rejecting_needs_a_reason(client: httpx.AsyncClient, app: Litestar) -> None:
    wallet = await wallet_with(client)
    path = f"/v1/approvals/{await asked_by_other(app, wallet)}"
    assert_problem(await client.post(f"{path}/reject", json={}), 400, "invalid_request", "reason")
    answer = await client.post(f"{path}/reject", json={"reason": "No fee was taken"})
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (
        *(200, "rejected"),
        "No fee was taken",
    )
    assert await balance_of(client, wallet) == "0"


async def test_the_one_who_asked_gets_403(client: httpx.AsyncClient, app: Litestar) -> None:
    wallet = await wallet_with(client)
    approval = (await move(client, adjustment(wallet))).json()
    path = f"/v1/approvals/{approval['id']}"
    assert_problem(await client.post(f"{path}/approve"), 403, "own_approval")
    assert_problem(await client.post(f"{path}/reject", json={"reason": "a mistake"}), 403, "own_approval")
    assert (await client.get(path)).json() == approval


async def test_a_reactivation_waits_too(client: httpx.AsyncClient, app: Litestar) -> None:
    customer = (await register(client))["id"]
    await client.post(f"/v1/customers/{customer}/suspend", json={"reason": "a court order"})
    answer = await client.post(f"/v1/customers/{customer}/reactivate")
    assert (answer.status_code, answer.json()["request"]) == (202, {"customer_id": customer})
    assert (await client.get(f"/v1/customers/{customer}")).json()["status"] == "suspended"
    await app.state.tekana.as_caller(OTHER).execute(ApproveRequest(approval_id=answer.json()["id"]))
    assert (await client.get(f"/v1/customers/{customer}")).json()["status"] == "active"


async def test_a_refusal_at_the_approval(client: httpx.AsyncClient, app: Litestar) -> None:
    wallet = await wallet_with(client)
    approval_id = await asked_by_other(app, wallet)
    await client.post(f"/v1/wallets/{wallet}/freeze", json={"scope": "all", "reason": "a lost phone"})
    problem = assert_problem(await client.post(f"/v1/approvals/{approval_id}/approve"), 409, "wallet_not_active")
    approval = (await client.get(f"/v1/approvals/{approval_id}")).json()
    assert (approval["status"], approval["rejection_code"]) == ("failed", "wallet_not_active")
    assert approval["resource_id"] == problem["transaction_id"]


async def test_it_expires_after_a_day(client: httpx.AsyncClient, app: Litestar, clock: FrozenClock) -> None:
    approval_id = await asked_by_other(app, await wallet_with(client))
    clock.advance(timedelta(hours=24))
    assert_problem(await client.post(f"/v1/approvals/{approval_id}/approve"), 409, "approval_expired")
    assert (await client.get(f"/v1/approvals/{approval_id}")).json()["status"] == "expired"


async def test_an_unknown_approval(client: httpx.AsyncClient) -> None:
    path = f"/v1/approvals/{UNKNOWN_ID}"
    assert_problem(await client.get(path), 404, "not_found")
    assert_problem(await client.post(f"{path}/approve"), 404, "not_found")
    assert_problem(await client.post(f"{path}/reject", json={"reason": "none"}), 404, "not_found")
    assert_problem(await client.get("/v1/approvals?status=done"), 400, "invalid_request", "status")


async def test_a_batch_and_a_dry_run(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    batch = {"mode": "independent", "transactions": [adjustment(wallet)]}
    answer = await client.post("/v1/batches", json=batch, headers={"Idempotency-Key": "a key"})
    assert_problem(answer, 400, "invalid_request", "transactions[0]")
    shown = await client.post("/v1/transactions?dry_run=true", json=adjustment(wallet))
    assert (shown.status_code, shown.json()["status"]) == (200, "posted")
    assert await balance_of(client, wallet) == "0"


async def test_the_hot_route_answers_as_the_other() -> None:
    app = create_app(NEEDED)
    served = counting(app)
    async with listening(app) as port, connected(port) as peer:
        body = json.dumps(adjustment(await new_wallet(port))).encode()
        before = len(served)
        answer = await peer.ask(request("POST", "/v1/transactions", body, idempotency_key="a key"))
        again = await peer.ask(request("POST", "/v1/transactions", body, idempotency_key="a key"))
        assert len(served) == before + 2
        assert (answer.status, again.status, again.body) == (202, 202, answer.body)
        assert answer.headers["location"].startswith("/v1/approvals/")
        assert again.headers["idempotency-replayed"] == "true"


def test_each_route_of_a_command_that_can_wait_documents_it() -> None:
    """A command that is added to APPROVABLE needs WAITS among the responses of its route."""
    waiting = [
        operation.body.kinds
        for _, _, handler in openapi._handlers()
        if (operation := handler.opt["operation"]).body and any(one.status == 202 for one in operation.returns)
    ]
    assert set(APPROVABLE.values()) <= {kind for kinds in waiting for kind in kinds}
