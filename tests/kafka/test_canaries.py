"""Names, contacts and secrets stand where they have to, and nowhere else: not in events, logs, webhooks or errors."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import httpx
import pytest

from tekana import LOCAL_OPERATOR, KeyProperties, Settings, create_api_key
from tekana.testing.receiver import receiving
from tekana_litestar import create_app
from tests.integration.http_support import client_of, started_app
from tests.integration.postgres_support import superuser
from tests.kafka.consumer import read
from tests.kafka.topology import BUS_SECRET, opened, services
from tests.keys import BEARER

pytestmark = pytest.mark.kafka

PERSONAL: Final = {
    "name": "Canaria Quetzalcoatl",
    "email": "canary.quetzalcoatl@example.com",
    "phone": "+250788424242",
}
PIN: Final = "918273"
PATIENCE_SECONDS: Final = 60.0

# No table has personal data that can be read: `customer_details` and `customer_answers` have them encrypted.

SEALED: Final = {"commands", "queries", "replies"}
"""The kinds of topics that carry personal data in sealed values: see ADR 0035. Topics of events have none."""


async def tables_with(url: str, canary: str) -> set[str]:
    """Return the tables with a text in a row, plain or in bytes."""
    found = set()
    async with superuser(url) as connection:
        names = await connection.fetch("SELECT relname FROM pg_stat_user_tables")
        for (name,) in names:
            rows = f'SELECT FROM "{name}" t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0 LIMIT 1'
            if await connection.fetchrow(rows, canary, canary.encode().hex()) is not None:
                found.add(name)
    return found


async def register(client: httpx.AsyncClient, person: dict[str, str]) -> httpx.Response:
    """Register the person, once under the key."""
    return await client.post("/v1/customers", json=person, headers={"Idempotency-Key": "canary"})


async def errors_of(client: httpx.AsyncClient, person: dict[str, str]) -> list[str]:
    """Return the bodies of refusals of requests that have the canaries."""
    wrong = [
        ("POST", "/v1/customers", person),  # exists
        ("POST", "/v1/customers", person | {"country": "RW", "pin": PIN}),
        ("POST", "/v1/customers", person | {"phone_number": PERSONAL["phone"] + "9999999"}),
        (
            "POST",
            "/v1/auth/token",
            {"grant_type": "password", "phone_number": PERSONAL["phone"], "password": PIN + "1"},
        ),
    ]
    answers = [await client.request(method, path, json=body) for method, path, body in wrong]
    assert all(one.status_code in (400, 401, 409) for one in answers), [one.status_code for one in answers]
    return [one.text for one in answers]


async def test_canaries_are_where_they_have_to_be_only(
    kafka_address: str, topic_prefix: str, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # aiokafka's DEBUG has whole messages
    caplog.set_level(logging.DEBUG, "tekana")
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"
    behind = Settings(role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET)
    whole = Settings(database_url=postgres_url, bus_url=bus_url, bus_secret=BUS_SECRET, webhooks_allow_private=True)
    person = {"full_name": PERSONAL["name"], "email": PERSONAL["email"], "phone_number": PERSONAL["phone"]}
    async with receiving() as receiver, services(bus_url, postgres_url, webhooks_allow_private=True):
        async with started_app(create_app(whole)) as app, client_of(app) as client:
            assert (await client.post("/v1/webhook-endpoints", json={"url": receiver.url})).status_code == 201
            key = await create_api_key(app.state.tekana.as_caller(LOCAL_OPERATOR), KeyProperties("Canary", "operator"))
            assert key.text is not None
            async with started_app(create_app(behind)) as gate, client_of(gate) as remote:
                remote.headers["Authorization"] = f"Bearer {key.text}"
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while (made := await register(remote, person)).status_code == 503:  # noqa: ASYNC110
                        await asyncio.sleep(0.2)
                assert made.status_code == 201, made.text
                again = await register(remote, person)
                assert again.json()["full_name"] == PERSONAL["name"]
                customer = made.json()
                password = await remote.put(f"/v1/customers/{customer['id']}/password", json={"password": PIN})
                assert password.status_code == 204
                grant = {"grant_type": "password", "phone_number": PERSONAL["phone"], "password": PIN}
                tokens = (await remote.post("/v1/auth/token", json=grant)).json()
                mine = {"Authorization": f"Bearer {tokens['access_token']}"}
                for one in (remote, client):
                    assert (await one.get("/v1/wallets", headers=mine)).status_code == 200
                errors = await errors_of(remote, person)
            errors += await errors_of(client, person)
            events = (await client.get("/v1/events")).text
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not receiver.received:  # noqa: ASYNC110 - a receiver has no event
                    await asyncio.sleep(0.05)
            outcome = (await client.get("/v1/outcomes?idempotency_key=canary")).text
        messages = await read(kafka_address, topic_prefix)
    secrets = {
        "PIN": PIN,
        "key": key.text.rpartition("_")[2],
        "access token": tokens["access_token"],
        "refresh token": tokens["refresh_token"],
        "operator's key": BEARER["Authorization"].rpartition("_")[2],
    }
    places = {
        "log": caplog.text,
        "events": events,
        "webhooks": repr([(one.headers, one.body) for one in receiver.received]),
        "errors": "\n".join(errors),
        "outcome": outcome,
    }
    found = {(name, place) for name, text in (PERSONAL | secrets).items() for place in places if text in places[place]}
    assert found == set()
    sealed_values = [opened(one) for one in messages if one.value and one.topic.rpartition(".")[2] in SEALED]
    for text in PERSONAL.values():
        assert any(text.encode() in value for value in sealed_values)
    for name, text in (PERSONAL | secrets).items():
        assert await tables_with(postgres_url, text) == set(), name
        topics = {one.topic for one in messages if text in repr((one.key, one.headers, one.value))}
        assert topics == set(), (name, topics)
