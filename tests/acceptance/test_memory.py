"""Run the features against the in-memory store."""

from collections.abc import Iterator

import pytest
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, Settings, connect
from tekana.testing.clock import FrozenClock
from tekana.testing.core_driver import CoreDriver, operators_of
from tekana.testing.portal import Portal
from tekana.testing.sign_in_driver import messages_of
from tekana.testing.steps import AcceptanceTarget, features_dir


@pytest.fixture
def world(portal: Portal, approvals: str | None) -> Iterator[AcceptanceTarget]:
    clock = FrozenClock()
    settings = Settings(
        database_url="memory://", webhooks_allow_private=True, message_sender="memory://", approvals=approvals
    )
    with portal.entered(connect(settings, clock=clock, run_workers=True)) as app:
        operator = app.as_caller(LOCAL_OPERATOR)
        driver = CoreDriver(operator, app.sign_in)
        operators = operators_of(operator) if approvals else None
        yield AcceptanceTarget(driver, clock, audited=operator, messages=messages_of(app), operators=operators)


scenarios(features_dir())
