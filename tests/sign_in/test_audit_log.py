"""Sign-in in the audit log, over HTTP on both stores: each act, each refusal, and never a secret, contact or code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from uuid_utils.compat import uuid4, uuid7

from tekana.application import audit_recorder
from tekana.application.sign_in.identities import CustomerIdentities
from tekana.application.sign_in.key_ring import KeyRing
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.credentials import FREE_ATTEMPTS
from tekana.domain.refresh_families import GRACE
from tekana.domain.signing_keys import PERIOD
from tekana.testing.clock import FrozenClock
from tekana_memory.message_sender import MemoryMessageSender
from tekana_postgres import PostgresStore
from tekana_postgres.connections import StoreError
from tests.integration.http_support import app, both_stores, client
from tests.integration.postgres_support import superuser
from tests.postgres_stores import key_file, postgres_store
from tests.sign_in.support import PASSWORD, World, phone_of, sign_in_world
from tests.sign_in.test_http import Json, refresh, register, sender, sign_in

__all__ = ["app", "client", "sender"]

store_url = both_stores

ISSUER, SUBJECT, OTHER_PASSWORD = "https://id.canary.example", "canary.subject", "battery staple horse"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_recorder, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr("tekana.domain.refresh_families.GRACE", GRACE * 0)


async def entries(client: httpx.AsyncClient, number: int, **query: Any) -> list[Json]:
    """Return this number of entries, the newest first, once the recorder has written them."""
    for _ in range(200):
        found: list[Json] = (await client.get("/v1/audit-log", params=query)).raise_for_status().json()["items"]
        if len(found) >= number:
            assert len(found) == number, found
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(found)} entries instead of {number}")


async def only(client: httpx.AsyncClient, action: str, **query: Any) -> Json:
    [entry] = await entries(client, 1, action=action, **query)
    return entry


async def fail(client: httpx.AsyncClient, path: str, body: Json) -> None:
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_refused"), answer.text


async def test_passwords(client: httpx.AsyncClient, sender: MemoryMessageSender) -> None:
    customer = await register(client)
    set_by_operator = await only(client, "SetPassword")
    assert (set_by_operator["outcome"], set_by_operator["kind"]) == ("done", "operator")
    assert (set_by_operator["resource"], set_by_operator["resource_id"]) == ("customer", customer["id"])
    assert set_by_operator["tenant"] == "main"
    assert set_by_operator["request_id"]
    assert set_by_operator["address"]

    body = {"phone_number": customer["phone_number"], "password": PASSWORD, "new_password": OTHER_PASSWORD}
    assert (await client.post("/v1/auth/password/change", json=body)).status_code == 204
    changed = await only(client, "ChangePassword")
    assert (changed["subject"], changed["kind"]) == (f"customer:{customer['id']}", "customer")
    assert (changed["outcome"], changed["resource_id"]) == ("done", customer["id"])

    challenge = (await client.post("/v1/auth/code", json={"email": customer["email"]})).json()["challenge_id"]
    asked = await only(client, "RequestCode")
    assert (asked["outcome"], asked["subject"], asked["kind"]) == ("done", "unknown", None)
    assert asked["resource_id"] == customer["id"]
    wrong = {"challenge_id": challenge, "code": "not the code", "password": PASSWORD}
    await fail(client, "/v1/auth/password", wrong)
    refused = await only(client, "ResetPassword")
    assert (refused["outcome"], refused["code"], refused["subject"]) == ("refused", "sign_in_refused", "unknown")
    assert refused["resource_id"] == customer["id"]
    right = {**wrong, "code": sender.messages[-1].code}
    assert (await client.post("/v1/auth/password", json=right)).status_code == 204
    reset = await only(client, "ResetPassword", outcome="done")
    assert (reset["subject"], reset["resource_id"]) == (f"customer:{customer['id']}", customer["id"])
    await fail(client, "/v1/auth/password", right)
    assert [one["resource_id"] for one in await entries(client, 2, action="ResetPassword", outcome="refused")] == [
        *(None, customer["id"]),
    ]


@pytest.mark.usefixtures("sender")
async def test_a_code_for_an_unknown_contact_is_a_refusal_without_it(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/auth/code", json={"email": "canary@example.com"})).status_code == 202
    entry = await only(client, "RequestCode")
    assert (entry["outcome"], entry["code"], entry["resource_id"]) == ("refused", "sign_in_refused", None)
    assert "canary" not in json.dumps(entry)


async def test_failed_sign_ins_and_lockouts_are_counted(app: Litestar, client: httpx.AsyncClient) -> None:
    customer, other = await register(client), await register(client)
    for _ in range(FREE_ATTEMPTS):
        assert (await sign_in(client, customer, "wrong")).status_code == 401
    assert (await sign_in(client, customer)).status_code == 401  # during the wait
    assert (await sign_in(client, other, "wrong")).status_code == 401
    unknown = {"phone_number": "+250788999999"}
    for tenant in ("main", "canary tenant"):
        assert (await sign_in(client, unknown, tenant=tenant)).status_code == 401
    assert (await sign_in(client, other)).status_code == 200
    await entries(client, 4, action="SignIn")
    await app.state.tekana._parts.audit_recorder.stop()  # ends the minute
    found = await entries(client, 7, action="SignIn", order="asc")
    counts: dict[tuple[Any, ...], int] = {}
    for one in found:
        assert (one["outcome"], one["subject"], one["kind"], one["tenant"]) == ("refused", "unknown", None, "main")
        key = (one["resource_id"], one["code"])
        counts[key] = counts.get(key, 0) + one["occurrences"]
    assert counts == {
        (customer["id"], "sign_in_refused"): FREE_ATTEMPTS - 1,
        (customer["id"], "sign_in_locked"): 2,
        (other["id"], "sign_in_refused"): 1,
        (None, "sign_in_refused"): 2,
    }
    assert "canary" not in json.dumps(found)


async def test_a_refused_sign_in_is_no_failed_authentication_too(app: Litestar, client: httpx.AsyncClient) -> None:
    customer = await register(client)
    assert (await sign_in(client, customer, "wrong")).status_code == 401
    assert (await refresh(client, "no token")).status_code == 401
    await app.state.tekana._parts.audit_recorder.stop()
    found = (await client.get("/v1/audit-log", params={"outcome": "refused"})).json()["items"]
    assert {one["action"] for one in found} == {"SignIn", "RefreshTokens"}


async def test_sign_out_and_reuse(client: httpx.AsyncClient) -> None:
    customer = await register(client)
    first = (await sign_in(client, customer)).json()["refresh_token"]
    second = (await refresh(client, first)).json()["refresh_token"]
    for _ in range(2):
        assert (await client.post("/v1/auth/sign-out", json={"refresh_token": second})).status_code == 204
    out = await only(client, "SignOut")
    assert (out["outcome"], out["subject"]) == ("done", f"customer:{customer['id']}")
    assert out["resource_id"] == customer["id"]

    stolen = (await sign_in(client, customer)).json()["refresh_token"]
    await refresh(client, stolen)
    for _ in range(2):
        assert (await refresh(client, stolen)).status_code == 401
    reuse = await only(client, "ReuseRefreshToken")
    assert (reuse["outcome"], reuse["code"], reuse["subject"]) == ("refused", "sign_in_refused", "unknown")
    assert reuse["resource_id"] == customer["id"]
    later = await only(client, "RefreshTokens")  # of the family that had ended
    assert (later["outcome"], later["resource_id"]) == ("refused", customer["id"])
    assert (await refresh(client, "no token")).status_code == 401
    assert [one["resource_id"] for one in await entries(client, 2, action="RefreshTokens")] == [None, customer["id"]]


async def test_identities(client: httpx.AsyncClient) -> None:
    customer, other = await register(client), await register(client)
    path, body = f"/v1/customers/{customer['id']}/identities", {"issuer": ISSUER, "subject": SUBJECT}
    for _ in range(2):
        identity = (await client.post(path, json=body)).raise_for_status().json()
    linked = await only(client, "LinkIdentity")
    assert (linked["outcome"], linked["kind"], linked["resource_id"]) == ("done", "operator", customer["id"])
    assert linked["after"] == {"identity_id": identity["id"]}
    assert linked["personal_fields"] == ["issuer", "subject"]
    assert (await client.post(f"/v1/customers/{other['id']}/identities", json=body)).status_code == 409
    refused = await only(client, "LinkIdentity", outcome="refused")
    assert (refused["code"], refused["resource_id"]) == ("identity_exists", other["id"])
    assert (await client.delete(f"{path}/{identity['id']}")).status_code == 204
    removed = await only(client, "UnlinkIdentity")
    assert (removed["outcome"], removed["resource_id"]) == ("done", customer["id"])
    assert removed["after"] == {"identity_id": identity["id"]}
    assert (await client.delete(f"{path}/{identity['id']}")).status_code == 404
    assert (await only(client, "UnlinkIdentity", outcome="refused"))["code"] == "not_found"


async def test_refusals_of_callers(client: httpx.AsyncClient) -> None:
    absent = str(uuid4())
    answer = await client.put(f"/v1/customers/{absent}/password", json={"password": PASSWORD})
    assert answer.status_code == 404
    refused = await only(client, "SetPassword")
    assert (refused["outcome"], refused["code"]) == ("refused", "not_found")
    assert (refused["kind"], refused["resource_id"]) == ("operator", absent)


async def test_signing_keys(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        [key] = (await client.get("/.well-known/jwks.json")).json()["keys"]
    entry = await only(client, "AddSigningKey")
    assert (entry["outcome"], entry["subject"], entry["resource"]) == ("done", "local", "signing_key")
    assert (entry["resource_id"], entry["after"]) == (None, {"kid": key["kid"]})


async def test_no_secret_contact_or_code_is_in_any_entry(
    client: httpx.AsyncClient, sender: MemoryMessageSender
) -> None:
    customer = await register(client)
    contact = {"phone_number": customer["phone_number"]}
    secrets = [PASSWORD, OTHER_PASSWORD, ISSUER, SUBJECT, "+250788999998", "canary@example.com", "canary password"]
    secrets += [customer[name] for name in ("full_name", "email", "phone_number")]
    for body in ({**customer, "email": "canary@example.com"}, {"phone_number": "+250788999998"}, customer):
        await client.post("/v1/auth/code", json={one: body[one] for one in ("phone_number", "email") if one in body})
        await client.post("/v1/auth/code", json={"phone_number": body["phone_number"]})
        await sign_in(client, body, "canary password")
    challenge = (await client.post("/v1/auth/code", json=contact)).json()["challenge_id"]
    for code in ("canary password", sender.messages[-1].code):
        body = {"challenge_id": challenge, "code": code, "password": OTHER_PASSWORD}
        await client.post("/v1/auth/password", json=body)
    await client.post("/v1/auth/password/change", json={**contact, "password": "x", "new_password": PASSWORD})
    change = {**contact, "password": OTHER_PASSWORD, "new_password": PASSWORD}
    assert (await client.post("/v1/auth/password/change", json=change)).status_code == 204
    tokens = (await sign_in(client, customer)).json()
    newer = (await refresh(client, tokens["refresh_token"])).json()
    await refresh(client, tokens["refresh_token"])
    await client.post("/v1/auth/sign-out", json={"refresh_token": newer["refresh_token"]})
    path = f"/v1/customers/{customer['id']}/identities"
    await client.post(path, json={"issuer": ISSUER, "subject": SUBJECT})
    secrets += [one.code for one in sender.messages]
    secrets += [*tokens.values(), *newer.values()][:-1]
    await entries(client, 1, action="ChangePassword", outcome="refused")
    text = (await client.get("/v1/audit-log/export")).text
    assert len({json.loads(line)["action"] for line in text.splitlines()}) >= 9
    assert [one for one in secrets if isinstance(one, str) and one != "Bearer" and one in text] == []


async def test_what_has_no_entry_is_not_done(postgres_url: str, clock: FrozenClock) -> None:
    store = postgres_store(postgres_url, clock=clock)
    await store.start()
    try:
        async with sign_in_world(store, clock=clock, key_provider=key_file()) as world:
            await _check_that_nothing_is_done(store, world)
    finally:
        await store.stop()


async def _check_that_nothing_is_done(store: PostgresStore, world: World) -> None:
    customer = await world.register()
    tokens = await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    challenge = await world.passwords.request_code(phone_of(customer))
    identities = CustomerIdentities(store, world.clock, uuid7, world.audit)
    identity = await identities.add(LOCAL_OPERATOR, customer.id, ISSUER, SUBJECT)
    later = KeyRing(store.signing_keys, world.data_keys, lambda: world.clock() + PERIOD, world.audit)
    keys = len(await store.signing_keys.list())
    async with superuser(world.store._url) as connection:
        await connection.execute("ALTER TABLE audit_log ADD CONSTRAINT no_room CHECK (false) NOT VALID")
    steps: list[Callable[[], Awaitable[Any]]] = [
        lambda: world.passwords.set_for(LOCAL_OPERATOR, customer.id, OTHER_PASSWORD),
        lambda: world.passwords.change(phone_of(customer), PASSWORD, OTHER_PASSWORD),
        lambda: world.passwords.set_by_code(challenge.id, world.message(), OTHER_PASSWORD),
        lambda: world.passwords.request_code(phone_of(customer)),
        lambda: world.sign_in.sign_out(tokens.refresh_token),
        lambda: identities.add(LOCAL_OPERATOR, customer.id, ISSUER, "another subject"),
        lambda: identities.remove(LOCAL_OPERATOR, customer.id, identity.id),
        lambda: later.signer(),
    ]
    account = await store.customer_credentials.find(customer.id)
    for step in steps:
        with pytest.raises(StoreError) as error:
            await step()
        assert "no_room" in str(error.value.__cause__)
    assert (await store.customer_credentials.find(customer.id)) == account
    assert len(world.sender.messages) == 1
    assert await identities.list(LOCAL_OPERATOR, customer.id) == [identity]
    assert len(await store.signing_keys.list()) == keys
    async with superuser(world.store._url) as connection:
        await connection.execute("ALTER TABLE audit_log DROP CONSTRAINT no_room")
    await world.sign_in.refresh(tokens.refresh_token)
