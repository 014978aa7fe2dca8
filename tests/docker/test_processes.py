"""The processes that docker/compose.yaml describes, in its order and by its words, do the main job on this machine.

A real PostgreSQL, a real Apache Kafka, and whatever else the file lists. Containers alone are missing.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.docker.compose_file import Service, services
from tests.docker.containers import PATIENCE, Container, Kafka, Network, OneOfOurs, Postgres
from tests.kafka.brokers import free_port
from tests.kafka.consumer import AGGREGATES, document_of, read

pytestmark = pytest.mark.kafka

STOPPED_BY_SIGTERM = 128 + signal.SIGTERM
"""How every Java ends that is told to stop, Kafka among them."""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tekana-docker-", dir="/var/tmp"))
    folder.chmod(0o755)  # the account that PostgreSQL runs as has to pass through
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def container(service: Service, network: Network, folder: Path) -> Container:
    if service.ours:
        return OneOfOurs(service, network, folder)
    kinds = {"postgres": Postgres, "apache/kafka": Kafka}
    return kinds[service.image.partition(":")[0]](service, network, folder)


@contextmanager
def up(described: list[Service], folder: Path) -> Iterator[dict[str, Container]]:
    """As `docker compose up --wait` does; and what is left at the end is removed."""
    network = Network(described)
    running: dict[str, Container] = {}
    try:
        for service in described:
            for other, condition in service.depends_on.items():
                running[other].wait_until(condition)
            running[service.name] = container(service, network, folder)
            running[service.name].start()
        for service in described:
            if service.check:
                running[service.name].wait_until("service_healthy")
        yield running
    finally:
        for one in reversed(running.values()):
            one.remove()


def test_what_compose_describes_does_the_main_job(folder: Path) -> None:
    if "TEKANA_TEST_KAFKA_JARS" not in os.environ:
        pytest.skip("not here: Apache Kafka")
    port = free_port()
    with up(services({"TEKANA_PORT": str(port), "POSTGRES_PASSWORD": "chosen"}), folder) as running:
        migrate, kafka = running["migrate"], running["kafka"]
        assert isinstance(migrate, OneOfOurs)
        assert isinstance(kafka, Kafka)

        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            the_main_job(client)

        audit = migrate.run("audit")
        assert audit.returncode == 0, audit.stdout
        told_on_the_bus = asyncio.run(types_once_all_are_published(migrate, kafka))
        assert {"CustomerRegistered", "FundsDeposited", "FundsTransferred", "TransactionRejected"} <= told_on_the_bus

        codes = {name: one.stop() for name, one in reversed(running.items()) if name != "migrate"}
        said = {name: running[name].told() for name, code in codes.items() if code}
        assert codes == dict.fromkeys(codes, 0) | {"kafka": STOPPED_BY_SIGTERM}, said


def the_main_job(client: httpx.Client) -> None:
    """What the README's session does."""
    grace, eric = (
        register(client, name, number) for name, number in (("grace", "+250788000201"), ("eric", "+250788000202"))
    )
    deposit = {"type": "deposit", "wallet_id": grace, "amount": "10000", "currency": "RWF"}
    assert move(client, "deposit-1", deposit).status_code == 201
    lunch = {"type": "transfer", "from_wallet_id": grace, "to_wallet_id": eric, "amount": "2500", "currency": "RWF"}
    first, again = move(client, "lunch", lunch), move(client, "lunch", lunch)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    refused = move(client, "too-much", lunch | {"amount": "9000"})
    assert (refused.status_code, refused.json()["code"]) == (422, "insufficient_funds")
    balances = [client.get(f"/v1/wallets/{one}").json()["available_balance"] for one in (grace, eric)]
    assert list(map(Decimal, balances)) == [7500, 2500]


def register(client: httpx.Client, name: str, number: str) -> str:
    """Register a customer, and give the wallet's id."""
    person = {"full_name": name.title(), "email": f"{name}@example.com", "phone_number": number}
    answer = client.post("/v1/customers", json=person, headers={"Idempotency-Key": f"register-{name}"})
    assert answer.status_code == 201, answer.text
    wallet_id: str = answer.json()["wallets"][0]["id"]
    return wallet_id


def move(client: httpx.Client, key: str, body: dict[str, str]) -> httpx.Response:
    return client.post("/v1/transactions", json=body, headers={"Idempotency-Key": key})


async def types_once_all_are_published(one: OneOfOurs, kafka: Kafka) -> set[str]:
    """The types of the events on the bus, once the relay has put all of them there."""
    end = time.monotonic() + PATIENCE
    while json.loads(one.run("outbox", "status", "--json").stdout)["unpublished"]:
        assert time.monotonic() < end, "the relay does not publish"
    topics = {f"tekana.{aggregate}" for aggregate in AGGREGATES}
    return {document_of(record).type for record in await read(kafka.address, "tekana") if record.topic in topics}
