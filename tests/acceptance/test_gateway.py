"""Run the features over HTTP against a gateway, which reaches services on PostgreSQL over Kafka only.

All features on Apache Kafka; only one on the broker from the wheel, which takes 250 ms per answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, Settings
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.testing.clock import FrozenClock
from tekana.testing.portal import Portal
from tekana.testing.session import session
from tekana.testing.steps import AcceptanceTarget, features_dir
from tests.acceptance.shared_system import System, one_scenario, running
from tests.kafka.topology import BUS_SECRET, REAL, services, until_it_answers
from tests.sign_in.support import messages_of

pytestmark = pytest.mark.kafka

CHOSEN = ("transactions/repeated.feature",)


@contextmanager
def _running(portal: Portal, postgres_url: str, kafka_address: str, approvals: str | None) -> Iterator[System]:
    """Run a gateway over HTTP, and the services behind it."""
    clock = FrozenClock()
    bus_url = f"kafka://{kafka_address}?topic_prefix=test-{uuid4().hex[:12]}&partitions=1"
    settings = Settings(
        role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET, database_url="memory://", approvals=approvals
    )
    behind = services(
        bus_url,
        postgres_url,
        clock=clock,
        roles=("wallet", "transaction", "customer"),
        webhooks_allow_private=True,
        approvals=approvals,
    )
    with (
        portal.entered(behind) as customers,
        running(portal, settings, clock, messages_of(customers)) as system,
    ):
        if REAL:  # the first consumer groups of a broker take seconds to form
            portal.call(until_it_answers(system.app.as_caller(LOCAL_OPERATOR)))
        yield system


@pytest.fixture(scope="module")
def system(portal: Portal, shared_postgres_url: str, kafka_address: str) -> Iterator[System]:
    """The system of most scenarios, which share it: consumer groups take time to form."""
    with _running(portal, shared_postgres_url, kafka_address, approvals=None) as system:
        yield system


@pytest.fixture(scope="module")
def system_with_approvals(portal: Portal, shared_postgres_url: str, kafka_address: str) -> Iterator[System]:
    """The system of the scenarios about approvals, on the same database."""
    with _running(portal, shared_postgres_url, kafka_address, approvals=",".join(APPROVABLE)) as system:
        yield system


@pytest.fixture
def world(
    portal: Portal, shared_postgres_url: str, approvals: str | None, request: pytest.FixtureRequest
) -> Iterator[AcceptanceTarget]:
    system: System = request.getfixturevalue("system" if approvals is None else "system_with_approvals")
    delivering = Settings(database_url=shared_postgres_url, webhooks_allow_private=True)
    with (
        portal.entered(session(delivering, clock=system.clock, run_workers=True)) as beside,
        one_scenario(portal, system, shared_postgres_url, beside, approvals=approvals is not None) as target,
    ):
        yield target


scenarios(*([features_dir()] if REAL else [f"{features_dir()}/{one}" for one in CHOSEN]))
