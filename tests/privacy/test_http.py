"""Export, erasure and a lost key provider over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, KeyProperties, Settings, create_api_key
from tekana_litestar import create_app
from tekana_litestar.resources import customer_export
from tekana_memory.message_sender import MemoryMessageSender
from tests.integration.http_support import (
    UNKNOWN_ID,
    Json,
    assert_problem,
    assert_whole,
    both_stores,
    client,
    client_of,
    move,
    register,
    started_app,
    wallet_with,
)
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture

__all__ = ["client"]

store_url = both_stores

PASSWORD = "correct horse battery"  # noqa: S105 - of no other system
PERSON = {
    "full_name": "Canaria Quetzalcoatl",
    "email": "canary@example.com",
    "phone_number": "+250788424242",
    "external_id": "crm-canary",
    "metadata": {"mark": "canary metadata"},
}
CANARIES = ("canar", "quetzalcoatl", "788424242")
"""What no answer and no table has after the erasure, in lower case."""


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[Litestar]:
    """Start an app that keeps the data of closed customers for no time."""
    async with started_app(create_app(Settings(database_url=store_url, keep_customers=0))) as made:
        made.state.tekana.sign_in.passwords.sender = MemoryMessageSender()
        yield made
        await assert_whole(made.state.tekana)


async def post(client: httpx.AsyncClient, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
    return await client.post(f"/v1{path}", json=body, headers=headers)


async def sign_in(client: httpx.AsyncClient, phone_number: str) -> httpx.Response:
    grant = {"grant_type": "password", "phone_number": phone_number, "password": PASSWORD}
    return await post(client, "/auth/token", grant)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def key_of(app: Litestar, *properties: object) -> dict[str, str]:
    """Return the header of a new API key."""
    issued = await create_api_key(
        app.state.tekana.as_caller(LOCAL_OPERATOR),
        KeyProperties(*properties),  # type: ignore[arg-type]
    )
    assert issued.text is not None
    return bearer(issued.text)


async def canary(client: httpx.AsyncClient) -> tuple[Json, Json]:
    """Register PERSON with all that a customer may have; return them, and their tokens."""
    made = (await post(client, "/customers", PERSON, **{"Idempotency-Key": "registration"})).raise_for_status().json()
    path = f"/v1/customers/{made['id']}"
    assert (await client.put(f"{path}/password", json={"password": PASSWORD})).status_code == 204
    tokens = (await sign_in(client, PERSON["phone_number"])).raise_for_status().json()  # type: ignore[arg-type]
    identity = {"issuer": "https://issuer.example.com", "subject": "canary subject"}
    (await client.post(f"{path}/identities", json=identity)).raise_for_status()
    (await client.post("/v1/auth/code", json={"email": PERSON["email"]})).raise_for_status()
    wallet = made["wallets"][0]["id"]
    named = {"name": "Canary's wallet", "metadata": {"canary": "1"}}
    (await client.patch(f"/v1/wallets/{wallet}", json=named)).raise_for_status()
    (await client.post(f"{path}/suspend", json={"reason": "a canary reason"})).raise_for_status()
    (await client.post(f"{path}/reactivate")).raise_for_status()
    return made, (await sign_in(client, PERSON["phone_number"])).raise_for_status().json() | {"first": tokens}  # type: ignore[arg-type]


# ---------------------------------------------------------------------- the export


async def test_an_export_has_everything_and_nothing_of_others(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_export, "PAGE_SIZE_MAX", 2)
    made, tokens = await canary(client)
    wallet, other = made["wallets"][0]["id"], await wallet_with(client, "777")
    for body in (
        {"type": "deposit", "wallet_id": wallet, "amount": "500", "currency": "RWF"},
        {"type": "transfer", "from_wallet_id": wallet, "to_wallet_id": other, "amount": "120", "currency": "RWF"},
        {"type": "transfer", "from_wallet_id": other, "to_wallet_id": wallet, "amount": "7", "currency": "RWF"},
    ):
        assert (await move(client, body)).status_code == 201
    too_much = {"type": "transfer", "from_wallet_id": wallet, "to_wallet_id": other, "amount": "9999"}
    assert (await move(client, too_much | {"currency": "RWF"})).status_code == 422
    path = f"/v1/customers/{made['id']}/export"
    mine = await client.get(path, headers=bearer(tokens["access_token"]))
    assert (mine.status_code, mine.headers["content-type"]) == (200, "application/json")
    found = mine.json()
    assert found.keys() == {"customer", "sign_in", "transactions", "activities", "approvals", "answers"}
    assert found["customer"] == (await client.get(f"/v1/customers/{made['id']}")).json()
    assert found["sign_in"]["password_changed_at"]
    assert [one["subject"] for one in found["sign_in"]["identities"]] == ["canary subject"]
    assert [len(found["sign_in"][name]) for name in ("sessions", "codes_sent_at")] == [1, 1]
    assert [one["status"] for one in found["transactions"]] == ["posted", "posted", "posted", "rejected"]
    assert {entry["wallet_id"] for one in found["transactions"] for entry in one["entries"]} == {wallet}
    actions = [one["action"] for one in found["activities"]]
    done = {"RegisterCustomer", "UpdateWallet", "SuspendCustomer", "ReactivateCustomer"}
    assert done | {"SetPassword", "LinkIdentity", "RequestCode", "ExportCustomer"} == set(actions)
    for secret in (PASSWORD, "password_hash", "digest", "argon2", "local", tokens["refresh_token"]):
        assert secret not in mine.text
    assert len(found["answers"]) == 4  # of the registration, the change of the wallet, suspension and reactivation
    assert {"customer": made, "wallet": None} in found["answers"]
    by_operator = (await client.get(path)).json()
    assert by_operator["answers"] == found["answers"]
    assert by_operator["transactions"] == found["transactions"]
    assert [one["action"] for one in by_operator["activities"]] == [*actions, "ExportCustomer"]
    log = (await client.get("/v1/audit-log", params={"action": "ExportCustomer"})).json()["items"]
    assert {one["resource_id"] for one in log} == {made["id"]}
    assert [one["kind"] for one in log] == ["operator", "customer"]
    head = await client.head(path)
    assert (head.status_code, head.content) == (200, b"")


async def test_an_export_has_approvals_without_who_asked_or_decided(store_url: str) -> None:
    settings = Settings(database_url=store_url, approvals="AdjustBalance")
    async with started_app(create_app(settings)) as app, client_of(app) as client:
        made = await register(client)
        wallet = made["wallets"][0]["id"]
        adjustment = {"type": "adjustment", "wallet_id": wallet, "direction": "credit", "amount": "5"}
        body = adjustment | {"currency": "RWF", "reason": "A fee was taken twice"}
        asked = await move(client, body)
        assert asked.status_code == 202
        decider = await key_of(app, "Zacharie", "operator", ("approvals:write", "transactions:adjust", "tenants:all"))
        path = f"/v1/approvals/{asked.json()['id']}/approve"
        assert (await client.post(path, json={}, headers=decider)).status_code == 200
        found = (await client.get(f"/v1/customers/{made['id']}/export")).json()
        [approval] = found["approvals"]
        assert approval.keys() == {"id", "command", "status", "asked_at", "expires_at", "decided_at"}
        assert (approval["id"], approval["command"]) == (asked.json()["id"], "AdjustBalance")
        assert (approval["status"], approval["decided_at"] is None) == ("approved", False)
        renamed = await client.patch(f"/v1/wallets/{wallet}", json={"name": "Mine"})
        answers = (await client.get(f"/v1/customers/{made['id']}/export")).json()["answers"]
        assert len(answers) == 2
        assert {"customer": None, "wallet": renamed.json()} in answers


async def test_who_gets_an_export(app: Litestar, client: httpx.AsyncClient) -> None:
    made, tokens = await canary(client)
    other = await register(client)
    north = await key_of(app, "North", "partner", ("customers:read", "customers:write"), "north")
    support = await key_of(app, "Support", "operator", ("customers:read", "tenants:all"))
    clerk = await key_of(app, "Clerk", "operator", ("wallets:read", "tenants:all"))
    mine, theirs = f"/v1/customers/{made['id']}/export", f"/v1/customers/{other['id']}/export"
    own = bearer(tokens["access_token"])
    assert (await client.get(mine, headers=own)).status_code == 200
    assert (await client.get(mine, headers=support)).status_code == 200
    assert_problem(await client.get(theirs, headers=own), 404, "not_found")
    assert_problem(await client.get(mine, headers=north), 404, "not_found")
    assert_problem(await client.get(f"/v1/customers/{UNKNOWN_ID}/export"), 404, "not_found")
    assert_problem(await client.get(mine, headers=clerk), 403, "forbidden")
    log = (await client.get("/v1/audit-log", params={"action": "ExportCustomer"})).json()["items"]
    assert len(log) == 2


# ---------------------------------------------------------------------- the erasure


async def test_an_erased_customer_is_gone(app: Litestar, client: httpx.AsyncClient, store_url: str) -> None:
    made, tokens = await canary(client)
    path = f"/v1/customers/{made['id']}"
    assert_problem(await client.post(f"{path}/erase"), 409, "customer_not_erasable")
    (await client.post(f"{path}/close", headers={"Idempotency-Key": "closing"})).raise_for_status()
    keyed = {"Idempotency-Key": "erasure"}
    erased = await client.post(f"{path}/erase", headers=keyed)
    assert erased.status_code == 200
    assert erased.json().keys() == {"id", "erased_at"}
    again = await client.post(f"{path}/erase", headers=keyed)
    assert (again.content, again.headers["idempotency-replayed"]) == (erased.content, "true")
    assert (await client.post(f"{path}/erase")).json() == erased.json()

    for body in ({"refresh_token": tokens["refresh_token"]}, {"refresh_token": tokens["first"]["refresh_token"]}):
        assert (await post(client, "/auth/token", {"grant_type": "refresh_token"} | body)).status_code == 401
    assert (await sign_in(client, made["phone_number"])).status_code == 401
    assert (await client.get("/v1/recipients", params={"phone_number": made["phone_number"]})).status_code == 404
    for name in ("phone_number", "email", "external_id"):
        assert (await client.get("/v1/customers", params={name: PERSON[name]})).json()["items"] == []  # type: ignore[dict-item]
    assert_problem(await post(client, "/customers", PERSON, **{"Idempotency-Key": "registration"}), 404, "not_found")
    assert_problem(await client.post(f"{path}/close", headers={"Idempotency-Key": "closing"}), 404, "not_found")
    asked = (
        path,
        f"{path}/export",
        f"{path}/identities",
        "/v1/customers",
        "/v1/wallets",
        "/v1/events",
        "/v1/audit-log",
    )
    for one in asked:
        answer = await client.get(one)
        assert answer.status_code == 200
        assert [text for text in CANARIES if text in answer.text.lower()] == [], one
    export = (await client.get(f"{path}/export")).json()
    assert (export["customer"]["full_name"], export["sign_in"]["identities"]) == ("", [])
    identity = {"issuer": "https://issuer.example.com", "subject": "canary subject"}
    assert_problem(await client.post(f"{path}/identities", json=identity), 409, "customer_not_active")
    if store_url != "memory://":
        async with superuser(store_url) as connection:
            dump = str(await fixture.rows_of_all_tables(connection)).lower()
        assert [text for text in CANARIES if text in dump or text.encode().hex() in dump] == []
    assert (await post(client, "/customers", PERSON)).status_code == 201


async def test_the_wallets_have_to_be_empty(client: httpx.AsyncClient) -> None:
    made = await register(client)
    deposit = {"type": "deposit", "wallet_id": made["wallets"][0]["id"], "amount": "5", "currency": "RWF"}
    assert (await move(client, deposit)).status_code == 201
    assert_problem(await post(client, f"/customers/{made['id']}/close"), 409, "wallet_not_empty")
    assert_problem(await post(client, f"/customers/{made['id']}/erase"), 409, "customer_not_erasable")


async def test_the_data_are_kept_for_five_years_by_default(store_url: str) -> None:
    async with started_app(create_app(store_url)) as app, client_of(app) as client:
        made = await register(client)
        (await post(client, f"/customers/{made['id']}/close")).raise_for_status()
        refused = await post(client, f"/customers/{made['id']}/erase")
        assert "have to be kept until" in assert_problem(refused, 409, "customer_not_erasable")["detail"]
        assert (await client.get(f"/v1/customers/{made['id']}")).json()["full_name"] == made["full_name"]


# ---------------------------------------------------------------------- a lost key provider


async def test_a_lost_key_provider_stops_names_and_not_money(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "master-keys.json"
    settings = Settings(database_url=postgres_url, key_provider_url=f"file://{file}")
    async with started_app(create_app(settings)) as app, client_of(app) as client:
        made, payer = await register(client), await wallet_with(client, "100")
    payee = made["wallets"][0]["id"]
    transfer = {"type": "transfer", "from_wallet_id": payer, "amount": "10", "currency": "RWF"}
    async with started_app(create_app(settings)) as app, client_of(app) as client:
        assert (await move(client, transfer | {"to_wallet_id": payee})).status_code == 201
        kept = file.read_bytes()
        file.unlink()
        phone_number = {"phone_number": made["phone_number"]}
        for answer in (
            await post(client, "/customers", PERSON),
            await client.get(f"/v1/customers/{made['id']}"),
            await client.get(f"/v1/customers/{made['id']}/export"),
            await client.get("/v1/customers", params=phone_number),
            await client.get("/v1/recipients", params=phone_number),
            await move(client, transfer | {"to_phone_number": made["phone_number"]}),
            await post(client, f"/customers/{made['id']}/suspend", {"reason": "a review"}),
        ):
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"]
            assert str(tmp_path) not in answer.text
        assert (await move(client, transfer | {"to_wallet_id": payee})).status_code == 201
        assert (await client.get(f"/v1/wallets/{payee}")).json()["available_balance"] == "20"
        assert (await client.get(f"/v1/wallets/{payee}/entries")).status_code == 200
        assert (await client.get("/v1/transactions")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        file.write_bytes(kept)
        file.chmod(0o600)
        assert (await client.get(f"/v1/customers/{made['id']}")).json()["full_name"] == made["full_name"]
        assert (await post(client, "/customers", PERSON)).status_code == 201
        await assert_whole(app.state.tekana)
