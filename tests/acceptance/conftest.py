"""Run the features against every acceptance target: one test file per target."""

import pytest

from tekana.application.commands.approvals.approvable import APPROVABLE


def pytest_configure(config: pytest.Config) -> None:
    """Load the shipped steps. In another project, use `pytest_plugins` in the topmost conftest.py."""
    config.pluginmanager.import_plugin("tekana.testing.steps")


@pytest.fixture
def approvals(request: pytest.FixtureRequest) -> str | None:
    """Return the setting `approvals`: in scenarios about approvals, all that can need one."""
    is_about_them = any(mark.name.startswith("approval-") for mark in request.node.iter_markers())
    return ",".join(APPROVABLE) if is_about_them else None
