"""The steps of the shipped features, as a pytest plugin. To run the features against your store:

    # conftest.py, at the top of your tests
    pytest_plugins = ["tekana.testing.steps"]

    # test_features.py
    @pytest.fixture
    def world(portal):
        clock = FrozenClock()
        store = MyStore(NEW_EMPTY_PLACE, clock=clock)
        with portal.entered(tekana.connect(store=store, run_workers=True)) as app:
            portal.call(store.migrate())
            yield AcceptanceTarget(CoreDriver(app), clock, audited=app, webhooks=False)

    pytest_bdd.scenarios(features_dir())

Connect a store that supports webhooks with `Settings(webhooks_allow_private=True)`, without `webhooks=False`. For
sign-in, give the `CoreDriver` the application's `sign_in`, and `messages` the list of a `MemoryMessageSender`; without
`messages`, these scenarios are skipped. For a server, use an `HttpDriver`, and for `audited` a Session or Store on the
same data. Each scenario ends with an audit. Steps are synchronous: pytest-bdd would not await an `async def` step, and
report it as passed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.testing.portal import Portal
from tekana.testing.steps.scenario_context import AcceptanceTarget, ScenarioContext

__all__ = ["AcceptanceTarget", "features_dir"]

_PARTS = (
    "customers",
    "wallets",
    "money",
    "batches",
    "dry_run_steps",
    "exchange_steps",
    "fee_steps",
    "quote_steps",
    "limit_steps",
    "events",
    "webhook_steps",
    "sign_in_steps",
    "approval_steps",
    "hold_steps",
    "reversal_steps",
    "audit_log_steps",
    "outcomes",
    "search_steps",
    "report_steps",
)
pytest_plugins = [f"{__name__}.{part}" for part in ("failure_report", *_PARTS)]


def features_dir() -> str:
    """Return the folder of the features: in the installed package, or in the repository."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "features", package.parents[2] / "features"):
        if any(folder.glob("*/*.feature")):
            return str(folder)
    raise FileNotFoundError("the features of tekana are neither in the package nor in the repo")


def pytest_configure(config: pytest.Config) -> None:
    """Register the tags of the features as markers, so that `pytest -m transaction-9` runs the scenarios of rule T9."""
    tags = {
        tag
        for feature in Path(features_dir()).glob("*/*.feature")
        for line in feature.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("@")
        for tag in re.findall(r"@(\S+)", line)
    }
    for tag in sorted(tags):
        config.addinivalue_line("markers", f"{tag}: scenarios of a numbered rule")


def pytest_bdd_before_step_call(step: Any, step_func: Callable[..., object]) -> None:
    """Reject an async step, which would pass without having run."""
    if inspect.iscoroutinefunction(step_func) or inspect.isasyncgenfunction(step_func):
        raise TypeError(f"the step {step.name!r} is an async function: pytest-bdd would not await it; use the portal")


@pytest.fixture
def approvals(request: pytest.FixtureRequest) -> str | None:
    """Return the setting `approvals`: in scenarios about approvals, all that can need one."""
    is_about_them = any(mark.name.startswith("approval-") for mark in request.node.iter_markers())
    return ",".join(APPROVABLE) if is_about_them else None


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    """The event loop of all async code in the features, in a thread of its own."""
    with Portal() as portal:
        yield portal


@pytest.fixture
def scene(portal: Portal, world: AcceptanceTarget) -> Iterator[ScenarioContext]:
    """The state of one scenario. At its end, unexpected refusals are an error, and the ledger is audited."""
    scene = ScenarioContext(portal, world)
    yield scene
    scene.end()
