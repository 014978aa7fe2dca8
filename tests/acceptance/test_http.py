"""Run the features over HTTP against PostgreSQL."""

from collections.abc import Iterator

import pytest
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, Settings
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.testing.clock import FrozenClock
from tekana.testing.portal import Portal
from tekana.testing.steps import AcceptanceTarget, features_dir
from tests.acceptance.shared_system import System, one_scenario, running


@pytest.fixture(scope="module")
def system(portal: Portal, shared_postgres_url: str) -> Iterator[System]:
    """The app of most scenarios."""
    with running(portal, _settings(shared_postgres_url), FrozenClock()) as system:
        yield system


@pytest.fixture(scope="module")
def system_with_approvals(portal: Portal, shared_postgres_url: str) -> Iterator[System]:
    """The app of the scenarios about approvals, on the same database."""
    with running(portal, _settings(shared_postgres_url, ",".join(APPROVABLE)), FrozenClock()) as system:
        yield system


def _settings(url: str, approvals: str | None = None) -> Settings:
    return Settings(database_url=url, webhooks_allow_private=True, message_sender="memory://", approvals=approvals)


@pytest.fixture
def world(
    portal: Portal, shared_postgres_url: str, approvals: str | None, request: pytest.FixtureRequest
) -> Iterator[AcceptanceTarget]:
    system: System = request.getfixturevalue("system" if approvals is None else "system_with_approvals")
    audited = system.app.as_caller(LOCAL_OPERATOR)
    with one_scenario(portal, system, shared_postgres_url, audited, approvals=approvals is not None) as target:
        yield target


scenarios(features_dir())
