"""Run the features over HTTP against a gateway, which reaches services on PostgreSQL over Kafka only.

All features on Apache Kafka; only one on the broker from the wheel, which takes 250 ms per answer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, Settings
from tekana.application.commands.approvals.approvable import APPROVABLE
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
from tests.keys import AppKey, OperatorKey
from tests.sign_in.support import messages_of

pytestmark = pytest.mark.kafka

KEPT = ("outbox_parts", "relays", "leases", "api_keys", "data_keys", "signing_keys")
"""The tables that stay as they are between scenarios."""
CHOSEN = ("transactions/repeated.feature",)


class System(NamedTuple):
    """A gateway with its services: how to reach them, the clock of all processes, and the one-time codes sent."""

    driver: HttpDriver
    operator: Callable[[str], HttpDriver]
    clock: FrozenClock
    messages: list[CodeMessage]


@contextmanager
def _running(portal: Portal, postgres_url: str, kafka_address: str, approvals: str | None) -> Iterator[System]:
    clock = FrozenClock()
    bus_url = f"kafka://{kafka_address}?topic_prefix=test-{uuid4().hex[:12]}&partitions=1"
    settings = Settings(
        role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET, database_url="memory://", approvals=approvals
    )
    app = create_app(settings, clock=clock)
    behind = services(
        bus_url,
        postgres_url,
        clock=clock,
        roles=("wallet", "transaction", "customer"),
        webhooks_allow_private=True,
        approvals=approvals,
    )
    clients: list[httpx.AsyncClient] = []

    def driver(auth: httpx.Auth) -> HttpDriver:
        clients.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana", auth=auth))
        return HttpDriver(clients[-1])

    with portal.entered(behind) as customers, portal.entered(app.lifespan()):
        if REAL:  # the first consumer groups of a broker take seconds to form
            portal.call(until_it_answers(app.state.tekana.as_caller(LOCAL_OPERATOR)))
        operator = cache(lambda name: driver(OperatorKey(app, name)))
        yield System(driver(AppKey(app)), operator, clock, messages_of(customers))
        for client in clients:
            portal.call(client.aclose())


@pytest.fixture(scope="module")
def system(portal: Portal, shared_postgres_url: str, kafka_address: str) -> Iterator[System]:
    """The system of most scenarios, which share it: consumer groups take time to form."""
    with _running(portal, shared_postgres_url, kafka_address, approvals=None) as running:
        yield running


@pytest.fixture(scope="module")
def system_with_approvals(portal: Portal, shared_postgres_url: str, kafka_address: str) -> Iterator[System]:
    """The system of the scenarios about approvals, on the same database."""
    with _running(portal, shared_postgres_url, kafka_address, approvals=",".join(APPROVABLE)) as running:
        yield running


@pytest.fixture
def world(
    portal: Portal, shared_postgres_url: str, approvals: str | None, request: pytest.FixtureRequest
) -> Iterator[AcceptanceTarget]:
    system: System = request.getfixturevalue("system" if approvals is None else "system_with_approvals")
    system.messages.clear()
    system.clock.set(FrozenClock()())
    delivering = Settings(database_url=shared_postgres_url, webhooks_allow_private=True)
    with portal.entered(session(delivering, clock=system.clock, run_workers=True)) as beside:
        yield AcceptanceTarget(
            system.driver,
            system.clock,
            audited=beside,
            messages=system.messages,
            operators=None if approvals is None else system.operator,
        )
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
