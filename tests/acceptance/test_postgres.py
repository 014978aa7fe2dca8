"""Run the features against PostgreSQL."""

from collections.abc import Iterator

import pytest
from pytest_bdd import scenarios

from tekana import Settings
from tekana.testing.clock import FrozenClock
from tekana.testing.core_driver import CoreDriver
from tekana.testing.portal import Portal
from tekana.testing.session import session
from tekana.testing.steps import AcceptanceTarget, features_dir


@pytest.fixture
def world(portal: Portal, postgres_url: str) -> Iterator[AcceptanceTarget]:
    clock = FrozenClock()
    settings = Settings(database_url=postgres_url, webhooks_allow_private=True)
    with portal.entered(session(settings, clock=clock, run_workers=True)) as app:
        yield AcceptanceTarget(CoreDriver(app), clock, audited=app)


scenarios(features_dir())
