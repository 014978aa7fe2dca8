"""Run the features over HTTP against a gateway, which reaches services on PostgreSQL over Kafka only.

All features on Apache Kafka; only one on the broker from the wheel, which takes 250 ms per answer.
"""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, Settings
from tekana.ports.message_sender import CodeMessage
from tekana.testing.clock import FrozenClock
from tekana.testing.http_driver import HttpDriver
from tekana.testing.portal import Portal
from tekana.testing.session import session
from tekana.testing.steps import AcceptanceTarget, features_dir
from tekana_litestar import create_app
from tekana_postgres.tables import metadata
from tests.integration.postgres_support import superuser
from tests.kafka.topology import BUS_SECRET, REAL, services, until_it_answers
from tests.keys import AppKey
from tests.sign_in.support import messages_of

pytestmark = pytest.mark.kafka

KEPT = ("outbox_parts", "relays", "leases", "api_keys", "data_keys", "signing_keys")
"""The tables that stay as they are between scenarios."""
CHOSEN = ("transactions/repeated.feature",)


class System(NamedTuple):
    """A driver of the gateway, the clock of all processes, and the one-time codes that the customer service sent."""

    driver: HttpDriver
    clock: FrozenClock
    messages: list[CodeMessage]


@pytest.fixture(scope="module")
def system(portal: Portal, shared_postgres_url: str, kafka_address: str) -> Iterator[System]:
    """A gateway over HTTP and services, which all scenarios use: their consumer groups take time to form."""
    clock = FrozenClock()
    bus_url = f"kafka://{kafka_address}?topic_prefix=test-{uuid4().hex[:12]}&partitions=1"
    settings = Settings(role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET, database_url="memory://")
    app = create_app(settings, clock=clock)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana", auth=AppKey(app))
    behind = services(
        bus_url,
        shared_postgres_url,
        clock=clock,
        roles=("wallet", "transaction", "customer"),
        webhooks_allow_private=True,
    )
    with (
        portal.entered(behind) as customers,
        portal.entered(app.lifespan()),
        portal.entered(client),
    ):
        if REAL:  # the first consumer groups of a broker take seconds to form
            portal.call(until_it_answers(app.state.tekana.as_caller(LOCAL_OPERATOR)))
        yield System(HttpDriver(client), clock, messages_of(customers))


@pytest.fixture
def world(portal: Portal, shared_postgres_url: str, system: System) -> Iterator[AcceptanceTarget]:
    driver, clock, messages = system
    messages.clear()
    clock.set(FrozenClock()())
    delivering = Settings(database_url=shared_postgres_url, webhooks_allow_private=True)
    with portal.entered(session(delivering, clock=clock, run_workers=True)) as beside:
        yield AcceptanceTarget(driver, clock, audited=beside, messages=messages)
    portal.call(_empty(shared_postgres_url))


async def _empty(url: str) -> None:
    """Empty the ledger for the next scenario. Positions in the outbox go on."""
    tables = ", ".join(table for table in metadata.tables if table not in KEPT)
    async with superuser(url) as connection, connection.transaction():
        guarded = [
            row[0]
            for row in await connection.fetch(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only_truncate'"
            )
        ]
        guard = "; ".join(f"ALTER TABLE {table} {{0}} TRIGGER append_only_truncate" for table in guarded)
        await connection.execute(f"{guard.format('DISABLE')}; TRUNCATE {tables}; {guard.format('ENABLE ALWAYS')}")


scenarios(*([features_dir()] if REAL else [f"{features_dir()}/{one}" for one in CHOSEN]))
