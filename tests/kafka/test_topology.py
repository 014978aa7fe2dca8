"""Gateway and services as processes: every key has one outcome, also when a service is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana import Settings
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana.testing.session import session
from tekana_kafka import rpc_client
from tekana_litestar import create_app
from tests.forked import forked
from tests.kafka.topology import BUS_SECRET, REAL, services
from tests.keys import BEARER, AppKey
from tests.serving import free_port

pytestmark = pytest.mark.kafka

PATIENCE = 120.0
TRANSFERS = 200

# The command, made to work with the broker from the wheel.
_TEKANA = """
import sys
from tests.kafka import idempotent_on_the_pip_broker, no_groups_on_the_pip_broker
from tekana.cli import main
if sys.argv.pop(1) == "pip":
    idempotent_on_the_pip_broker.install()
    no_groups_on_the_pip_broker.install()
main()
"""


class Process:
    """`tekana serve` in one role."""

    def __init__(self, role: str, bus_url: str, database_url: str | None) -> None:
        self.port = free_port()
        self._words = [sys.executable, "-c", _TEKANA, "real" if REAL else "pip", "serve", "--role", role]
        self._words += ["--port", str(self.port), "--bus-url", bus_url]
        self._words += ["--database-url", database_url] if database_url else []
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._words, **forked(self._words, {**os.environ, "TEKANA_BUS_SECRET": BUS_SECRET})
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    async def until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(headers=BEARER) as client:
            while True:
                try:
                    ready = await client.get(f"http://127.0.0.1:{self.port}/health/ready")
                    if ready.status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)


@contextmanager
def processes(bus_url: str, database_url: str) -> Iterator[dict[str, Process]]:
    """Start a gateway and the services; each has to exit with 0 on SIGTERM."""
    running = {role: Process(role, bus_url, database_url) for role in ("customer", "wallet", "transaction")}
    running["gateway"] = Process("gateway", bus_url, None)
    try:
        yield running
    finally:
        assert {role: one.stop() for role, one in running.items()} == dict.fromkeys(running, 0)


@pytest.fixture
async def app(postgres_url: str) -> AsyncIterator[tekana.Tekana]:
    """The core on the services' database, to read the ledger; audited at the end."""
    async with session(postgres_url) as app:
        yield app
        await assert_whole(app._store)  # type: ignore[arg-type]


async def transfer(client: httpx.AsyncClient, number: int, body: dict[str, str]) -> httpx.Response:
    """Post a transaction as a careful client: retry with the same key until there is an outcome."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await client.post("/v1/transactions", json=body, headers={"Idempotency-Key": f"move {number}"})
            if answer.status_code != 503:
                return answer
            assert answer.json()["code"] == "unavailable"
            assert answer.headers["Retry-After"] == "1"
            await asyncio.sleep(0.2)


async def test_a_killed_service_loses_no_transaction(
    app: tekana.Tekana, postgres_url: str, kafka_address: str, topic_prefix: str
) -> None:
    mine, his = await a_wallet(app, "100000"), await a_wallet(app)
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"
    with processes(bus_url, postgres_url) as running:
        await asyncio.gather(*(one.until_ready() for one in running.values()))
        service = running["transaction"]
        base_url = f"http://127.0.0.1:{running['gateway'].port}"
        async with httpx.AsyncClient(base_url=base_url, timeout=60, headers=BEARER) as client:
            body = {"type": "transfer", "from_wallet_id": str(mine.id), "to_wallet_id": str(his.id)}
            body |= {"amount": "1", "currency": "RWF"}
            assert (await transfer(client, 0, body)).status_code == 201
            moves = [asyncio.create_task(transfer(client, number, body)) for number in range(1, TRANSFERS)]
            await asyncio.wait(moves, return_when=asyncio.FIRST_COMPLETED)
            service.kill()
            await asyncio.sleep(1)
            service.start()
            answers = await asyncio.gather(*moves)
            assert {one.status_code for one in answers} == {201}
            again = await asyncio.gather(*(transfer(client, number, body) for number in range(1, TRANSFERS)))
            assert [one.json() for one in again] == [one.json() for one in answers]
            assert {one.headers["Idempotency-Replayed"] for one in again} == {"true"}
            found = await client.get(f"/v1/wallets/{his.id}")
            assert found.json()["ledger_balance"] == str(TRANSFERS)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", headers=BEARER) as client:
            assert (await client.get("/health/live")).status_code == 200
            assert "\ntekana_outbox_lag_seconds " in (await client.get("/metrics")).text
            assert (await client.get(f"/v1/wallets/{his.id}")).status_code == 404
            assert (await client.get("/api")).status_code == 404


async def test_a_missing_reply_is_an_unknown_outcome(
    kafka_address: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The HTTP response asks the client to retry with the same key."""
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=1"
    gateway = create_app(Settings(role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET))
    deposit = {"type": "deposit", "wallet_id": str(uuid7()), "amount": "1", "currency": "RWF"}
    async with (
        gateway.lifespan(),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=gateway), base_url="http://tekana", auth=AppKey(gateway)
        ) as client,
    ):
        async with services(bus_url, "memory://", roles=("transaction",)):
            assert (await client.get("/v1/transactions")).status_code == 200  # the key is known from now on
        monkeypatch.setattr(rpc_client, "REPLY_TIMEOUT", 0.3)
        answer = await client.post("/v1/transactions", json=deposit, headers={"Idempotency-Key": "a key"})
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        assert answer.json()["detail"] == "unknown: retry with the same key"
        assert (await client.get("/health/ready")).status_code == 200
