"""Run the features over HTTP against a gateway, which reaches services on PostgreSQL over Kafka only.

By default only one feature, as the broker from the wheel takes 250 ms per answer. `nox -s kafka` runs all features.
"""

from collections.abc import Iterator

import httpx
import pytest
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, Settings
from tekana.testing.clock import FrozenClock
from tekana.testing.http_driver import HttpDriver
from tekana.testing.portal import Portal
from tekana.testing.session import session
from tekana.testing.steps import AcceptanceTarget, features_dir
from tekana_litestar import create_app
from tests.kafka.topology import REAL, services, until_it_answers

pytestmark = pytest.mark.kafka

CHOSEN = ("transactions/repeated.feature",)


@pytest.fixture
def world(portal: Portal, postgres_url: str, kafka_address: str, topic_prefix: str) -> Iterator[AcceptanceTarget]:
    clock = FrozenClock()
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=1"
    app = create_app(Settings(role="gateway", bus_url=bus_url, database_url="memory://"))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana")
    delivering = Settings(database_url=postgres_url, webhooks_allow_private=True)
    with (
        portal.entered(session(delivering, clock=clock, run_workers=True)) as beside,
        portal.entered(services(bus_url, postgres_url, clock=clock, webhooks_allow_private=True)),
        portal.entered(app.lifespan()),
        portal.entered(client),
    ):
        if REAL:  # the first consumer groups of a broker take seconds to form
            portal.call(until_it_answers(app.state.tekana.as_caller(LOCAL_OPERATOR)))
        yield AcceptanceTarget(HttpDriver(client), clock, audited=beside)


scenarios(*([features_dir()] if REAL else [f"{features_dir()}/{one}" for one in CHOSEN]))
