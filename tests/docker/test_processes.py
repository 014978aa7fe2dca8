"""The services of docker/compose.yaml, run as processes in its order and with its commands, work together.

With a real PostgreSQL, a real Apache Kafka and every other service in the file; only the containers are missing.
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

from tests.docker.compose_file import REQUIRED, Service, services
from tests.docker.containers import PATIENCE, Container, Kafka, Network, Postgres, TekanaContainer
from tests.kafka.consumer import AGGREGATES, document_of, read
from tests.serving import free_port

pytestmark = pytest.mark.kafka

STOPPED_BY_SIGTERM = 128 + signal.SIGTERM
"""The exit code of a Java process after SIGTERM, also of Kafka."""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tekana-docker-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def container(service: Service, network: Network, folder: Path) -> Container:
    if service.ours:
        return TekanaContainer(service, network, folder)
    kinds = {"postgres": Postgres, "apache/kafka": Kafka}
    return kinds[service.image.partition(":")[0]](service, network, folder)


@contextmanager
def start_services(described: list[Service], folder: Path) -> Iterator[dict[str, Container]]:
    """Start the services as `docker compose up --wait` does, and remove them at the end."""
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


def test_the_composed_services_move_money_and_publish_events(folder: Path) -> None:
    if "TEKANA_TEST_KAFKA_JARS" not in os.environ:
        pytest.skip("not here: Apache Kafka")
    port = free_port()
    with start_services(
        services(REQUIRED | {"TEKANA_PORT": str(port), "POSTGRES_PASSWORD": "chosen"}), folder
    ) as running:
        migrate, customer, kafka = running["migrate"], running["customer"], running["kafka"]
        assert isinstance(migrate, TekanaContainer)
        assert isinstance(customer, TekanaContainer)
        assert isinstance(kafka, Kafka)

        created = customer.run("keys", "create", "--name", "Session", "--role", "operator")
        assert created.returncode == 0, created.stderr
        headers = {"Authorization": f"Bearer {created.stdout.strip()}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, headers=headers) as client:
            move_money_over_http(client)

        audit = migrate.run("audit")
        assert audit.returncode == 0, audit.stdout
        published_types = asyncio.run(wait_for_published_types(migrate, kafka))
        assert {"CustomerRegistered", "FundsDeposited", "FundsTransferred", "TransactionRejected"} <= published_types

        codes = {name: one.stop() for name, one in reversed(running.items()) if name != "migrate"}
        outputs = {name: running[name].output() for name, code in codes.items() if code}
        assert codes == dict.fromkeys(codes, 0) | {"kafka": STOPPED_BY_SIGTERM}, outputs


def move_money_over_http(client: httpx.Client) -> None:
    """Do the steps of the session in the README."""
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
    """Register a customer, and return the id of the wallet."""
    person = {"full_name": name.title(), "email": f"{name}@example.com", "phone_number": number}
    answer = client.post("/v1/customers", json=person, headers={"Idempotency-Key": f"register-{name}"})
    assert answer.status_code == 201, answer.text
    wallet_id: str = answer.json()["wallets"][0]["id"]
    return wallet_id


def move(client: httpx.Client, key: str, body: dict[str, str]) -> httpx.Response:
    return client.post("/v1/transactions", json=body, headers={"Idempotency-Key": key})


async def wait_for_published_types(one: TekanaContainer, kafka: Kafka) -> set[str]:
    """Wait until the relay has published everything, and return the types of the events on the bus."""
    end = time.monotonic() + PATIENCE
    while json.loads(one.run("outbox", "status", "--json").stdout)["unpublished"]:
        assert time.monotonic() < end, "the relay does not publish"
    topics = {f"tekana.{aggregate}" for aggregate in AGGREGATES}
    return {document_of(record).type for record in await read(kafka.address, "tekana") if record.topic in topics}
