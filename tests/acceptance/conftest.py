"""The features run against every world there is: one test file a world."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the shipped steps. In a project of your own, `pytest_plugins` in the topmost conftest.py does it."""
    config.pluginmanager.import_plugin("tekana.testing.steps")
