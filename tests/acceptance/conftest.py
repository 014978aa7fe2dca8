"""Run the features against every acceptance target: one test file per target."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the shipped steps. In another project, use `pytest_plugins` in the topmost conftest.py."""
    config.pluginmanager.import_plugin("tekana.testing.steps")
