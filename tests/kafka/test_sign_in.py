"""Customers sign in at a gateway, which verifies their tokens by itself, and whose refusals reach the audit log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils.compat import uuid7

import tekana
from tekana import PageRequest, Session, Settings
from tekana.application.sign_in import key_ring
from tekana.domain.caller import ROLES, Caller
from tekana.ports.message_sender import CodeMessage
from tekana.testing.clock import FrozenClock
from tekana_kafka import query_consumer
from tekana_kafka.message_cipher import MessageCipher
from tekana_kafka.query_messages import QUERIES
from tekana_kafka.rpc_client import RpcClient
from tekana_litestar import create_app
from tekana_memory import MemoryStore
from tests.integration.http_support import assert_problem, client_of, registration, started_app
from tests.kafka.attacks import with_claims
from tests.kafka.consumer import read
from tests.kafka.topology import BUS_SECRET, sealed, services, until_it_answers
from tests.keys import SHARED_KEYS
from tests.sign_in.support import messages_of
from tests.sign_in.test_issuers import _answer, server

pytestmark = pytest.mark.kafka

PASSWORD = "correct horse battery"  # noqa: S105 - of a test
OTHER_PASSWORD = "another horse battery"  # noqa: S105 - likewise
PARTNER = Caller("a partner", "key:1", ROLES["partner"])


@dataclass
class World:
    """A gateway over HTTP and the services behind it."""

    client: httpx.AsyncClient
    """Sends requests of an operator."""
    anyone: httpx.AsyncClient
    """Sends requests without a credential."""
    gateway: Session
    behind: Session
    messages: list[CodeMessage]
    clock: FrozenClock

    async def register(self) -> dict[str, Any]:
        """Register a customer with a password."""
        made = await self.client.post("/v1/customers", json=registration(), headers={"Idempotency-Key": str(uuid7())})
        customer: dict[str, Any] = made.json()
        path = f"/v1/customers/{customer['id']}/password"
        assert (await self.client.put(path, json={"password": PASSWORD})).status_code == 204
        return customer

    async def sign_in(self, customer: dict[str, Any], password: str = PASSWORD) -> httpx.Response:
        grant = {"grant_type": "password", "email": customer["email"], "password": password}
        return await self.anyone.post("/v1/auth/token", json=grant)

    async def bearer(self, customer: dict[str, Any]) -> dict[str, str]:
        """Sign in, and return the header of the customer's requests."""
        return {"Authorization": f"Bearer {(await self.sign_in(customer)).json()['access_token']}"}


@asynccontextmanager
async def a_world(kafka_address: str, topic_prefix: str, outside_issuers: str | None = None) -> AsyncIterator[World]:
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=1"
    clock, store = FrozenClock(), MemoryStore("memory://")
    roles = ("wallet", "transaction", "customer")
    async with AsyncExitStack() as running:
        behind = await running.enter_async_context(
            services(
                bus_url,
                "memory://",
                store=store,
                clock=clock,
                roles=roles,
                outside_issuers=outside_issuers,
                key_provider_url=SHARED_KEYS.key_provider_url,
            )
        )
        settings = Settings(role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET)
        app = await running.enter_async_context(started_app(create_app(settings, clock=clock)))
        client = await running.enter_async_context(client_of(app))
        anyone = await running.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana")  # type: ignore[arg-type]
        )
        gateway = app.state.tekana.as_caller(tekana.LOCAL_OPERATOR)
        await until_it_answers(gateway)
        yield World(client, anyone, gateway, behind, messages_of(behind), clock)


@pytest.fixture
async def world(kafka_address: str, topic_prefix: str) -> AsyncIterator[World]:
    async with a_world(kafka_address, topic_prefix) as found:
        yield found


async def test_from_the_first_password_to_sign_out(world: World) -> None:
    customer, other = await world.register(), await world.register()
    answer = await world.sign_in(customer)
    assert answer.status_code == 200
    tokens = answer.json()
    mine = {"Authorization": f"Bearer {tokens['access_token']}"}
    own = await world.anyone.get(f"/v1/customers/{customer['id']}", headers=mine)
    assert own.json()["email"] == customer["email"]
    assert_problem(await world.anyone.get(f"/v1/customers/{other['id']}", headers=mine), 404, "not_found")
    assert_problem(
        await world.anyone.post("/v1/webhook-endpoints", json={"url": "https://x.example"}, headers=mine),
        403,
        "forbidden",
    )
    keys = (await world.anyone.get("/.well-known/jwks.json")).json()
    assert keys == await world.behind.sign_in.tokens.jwks()

    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    newer = (await world.anyone.post("/v1/auth/token", json=grant)).json()
    assert newer["refresh_token"] != tokens["refresh_token"]
    out = {"refresh_token": newer["refresh_token"]}
    assert (await world.anyone.post("/v1/auth/sign-out", json=out)).status_code == 204
    refused = await world.anyone.post("/v1/auth/token", json=grant | out)
    assert_problem(refused, 401, "sign_in_refused")
    assert_problem(await world.sign_in(customer, "a wrong one, certainly"), 401, "sign_in_refused")

    asked = await world.anyone.post("/v1/auth/code", json={"email": customer["email"]})
    by_code = {"challenge_id": asked.json()["challenge_id"], "code": world.messages[-1].code, "password": "1"}
    assert_problem(await world.anyone.post("/v1/auth/password", json=by_code), 400, "invalid_request", "password")
    by_code["password"] = OTHER_PASSWORD
    assert (await world.anyone.post("/v1/auth/password", json=by_code)).status_code == 204
    change = {"email": customer["email"], "password": OTHER_PASSWORD, "new_password": PASSWORD}
    assert (await world.anyone.post("/v1/auth/password/change", json=change)).status_code == 204
    assert (await world.sign_in(customer)).status_code == 200


async def test_a_suspended_customer_is_signed_out(world: World) -> None:
    """The access token remains valid for reading until it expires, as over HTTP to a server with the database."""
    customer = await world.register()
    tokens = (await world.sign_in(customer)).json()
    suspend = f"/v1/customers/{customer['id']}/suspend"
    key = {"Idempotency-Key": "suspend"}
    assert (await world.client.post(suspend, json={"reason": "fraud"}, headers=key)).status_code == 200
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert_problem(await world.anyone.post("/v1/auth/token", json=grant), 401, "sign_in_refused")
    assert_problem(await world.sign_in(customer), 401, "sign_in_refused")
    mine = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await world.anyone.get("/v1/wallets", headers=mine)).status_code == 200


async def test_an_old_message_is_not_executed_again(world: World, kafka_address: str, topic_prefix: str) -> None:
    """The broker stamps a repeated message anew. It has no idempotency key, so the age of its principal counts."""
    customer = await world.register()
    topic = f"{topic_prefix}.customer.queries"
    operator, customer_id = tekana.LOCAL_OPERATOR, tekana.CustomerId(customer["id"])
    message = QUERIES["passwords.set_for"].message(operator, operator, customer_id, "an old password")
    headers, _ = sealed(topic, message.headers, message.value)
    headers = with_claims(headers, iat=int(time.time()) - query_consumer.SIGN_IN_AGE_SECONDS_MAX - 5)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
    await producer.start()
    value = MessageCipher([BUS_SECRET]).seal(topic, headers, message.value)
    await producer.send_and_wait(topic, value, headers=headers)
    await producer.stop()
    letters: list[ConsumerRecord] = []
    async with asyncio.timeout(30):
        while not letters:
            messages = await read(kafka_address, topic_prefix)
            letters = [one for one in messages if one.topic == f"{topic_prefix}.commands.dead-letters"]
    assert b"too long ago" in dict(letters[0].headers)["dead-reason"]
    assert (await world.sign_in(customer)).status_code == 200


async def test_many_sign_ins_do_not_delay_other_queries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_consumer, "SIGN_INS_MAX", 2)
    customer = await world.register()
    attempts = [asyncio.create_task(world.sign_in(customer, "a wrong password")) for _ in range(20)]
    assert (await world.client.get(f"/v1/customers/{customer['id']}")).status_code == 200
    statuses = [(await one).status_code for one in attempts]
    assert set(statuses) == {401, 503}
    refused = next(one.result() for one in attempts if one.result().status_code == 503)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("unavailable", "1")


async def test_a_partner_reaches_the_passwords_and_identities_of_its_own_customers(world: World) -> None:
    """The caller is the principal of the message, which the service checks."""
    customer = await world.register()
    customer_id = tekana.CustomerId(customer["id"])
    remote = world.gateway.sign_in
    with pytest.raises(tekana.CustomerNotFound):
        await remote.passwords.set_for(PARTNER, customer_id, PASSWORD)
    with pytest.raises(tekana.CustomerNotFound):
        await remote.identities.list(caller=PARTNER, customer_id=customer_id)
    reader = Caller("main", "key:2", frozenset({"customers:read"}))
    with pytest.raises(tekana.Forbidden):
        await remote.identities.add(reader, customer_id, "https://id.example", "1")
    assert list(await remote.identities.list(reader, customer_id)) == []


async def test_tokens_are_verified_without_the_bus(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []
    call = RpcClient.call

    async def counted(self: RpcClient, message: Any, *rest: Any) -> object:
        queries.append(dict(message.headers).get("query", b"").decode())
        return await call(self, message, *rest)

    monkeypatch.setattr(RpcClient, "call", counted)
    customer = await world.register()
    for _ in range(3):
        mine = await world.bearer(customer)
        for _ in range(3):
            assert (await world.anyone.get("/v1/wallets", headers=mine)).status_code == 200
    forged = jwt.encode({"iss": "tekana", "aud": "tekana"}, Ed25519PrivateKey.generate(), "EdDSA", {"kid": "x"})
    for _ in range(3):
        answer = await world.anyone.get("/v1/wallets", headers={"Authorization": f"Bearer {forged}"})
        assert_problem(answer, 401, "unauthenticated")
    assert queries.count("token_service.public_keys") == 1
    assert queries.count("token_service.verify") == 0
    assert queries.count("sign_in.sign_in") == 3


async def test_a_new_signing_key_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "UNKNOWN_KEY_RELOAD_SECONDS", 0.0)
    customer = await world.register()
    old = await world.bearer(customer)
    assert (await world.anyone.get("/v1/wallets", headers=old)).status_code == 200
    world.clock.advance(timedelta(days=70))
    new = await world.bearer(customer)
    kids = {jwt.get_unverified_header(one["Authorization"].removeprefix("Bearer "))["kid"] for one in (old, new)}
    assert len(kids) == 2
    assert (await world.anyone.get("/v1/wallets", headers=new)).status_code == 200
    world.clock.advance(timedelta(minutes=12))
    await asyncio.sleep(4.1)  # the authenticator's cache
    assert_problem(await world.anyone.get("/v1/wallets", headers=new), 401, "unauthenticated")


async def test_tokens_of_an_outside_issuer(kafka_address: str, topic_prefix: str, tmp_path: Path) -> None:
    """The service has the issuer; the gateway asks it."""
    private = Ed25519PrivateKey.generate()
    key = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key())) | {"kid": "one", "alg": "EdDSA"}
    file = tmp_path / "issuers.json"
    async with server(lambda: _answer(json.dumps({"keys": [key]}).encode())) as url:
        issuer = {"issuer": "https://id.example", "audience": "wallet", "algorithms": ["EdDSA"], "jwks_url": url}
        file.write_text(json.dumps([issuer]))
        async with a_world(kafka_address, topic_prefix, str(file)) as world:
            customer = await world.register()
            path = f"/v1/customers/{customer['id']}/identities"
            linked = await world.client.post(path, json={"issuer": "https://id.example", "subject": "1"})
            assert linked.status_code == 201
            [listed] = (await world.client.get(path)).json()["items"]
            assert listed == linked.json()
            seconds = int(world.clock().timestamp())
            claims = {"iss": "https://id.example", "aud": "wallet", "sub": "1", "iat": seconds, "exp": seconds + 600}

            async def get(signer: Ed25519PrivateKey, **changes: str) -> httpx.Response:
                token = jwt.encode(claims | changes, signer, "EdDSA", {"kid": "one"})
                return await world.anyone.get("/v1/wallets", headers={"Authorization": f"Bearer {token}"})

            assert (await get(private)).status_code == 200
            for refused in (
                await get(private, sub="2"),
                await get(private, aud="another"),
                await get(private, iss="https://another.example"),
                await get(Ed25519PrivateKey.generate()),
            ):
                assert_problem(refused, 401, "unauthenticated")
            assert (await world.client.delete(f"{path}/{listed['id']}")).status_code == 204
            assert_problem(await get(private, jti="a new token"), 401, "unauthenticated")


async def test_refusals_reach_the_audit_log(world: World) -> None:
    customer = await world.register()
    mine = await world.bearer(customer)
    for _ in range(2):
        await world.anyone.get("/v1/wallets", headers={"Authorization": "Bearer wrong"})
        await world.anyone.get("/v1/webhook-endpoints", headers=mine)
    async with asyncio.timeout(30):
        while True:
            entries = (await world.behind.audit_log.list(PageRequest(100))).items
            found = {(one.action, one.code, one.subject) for one in entries if one.outcome == "refused"}
            if len(found) == 2:
                break
            await asyncio.sleep(0.2)
    assert found == {
        ("Authenticate", "unauthenticated", "unknown"),
        ("webhooks", "forbidden", f"customer:{customer['id']}"),
    }


async def test_only_a_gateway_adds_to_the_audit_log(world: World) -> None:
    for caller in (PARTNER, tekana.LOCAL_OPERATOR):
        with pytest.raises(tekana.Forbidden):
            await world.gateway._engine._requests.port("audit_records", caller).append(())  # type: ignore[attr-defined]
