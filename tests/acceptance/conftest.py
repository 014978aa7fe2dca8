"""Run the features against every acceptance target: one test file per target."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
from pytest_bdd.parser import Step

_scenario = import_module("pytest_bdd.scenario")
_find = _scenario.find_fixturedefs_for_step
_found: dict[tuple[str, str], Sequence[Any]] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Load the shipped steps. In another project, use `pytest_plugins` in the topmost conftest.py."""
    config.pluginmanager.import_plugin("tekana.testing.steps")
    _scenario.find_fixturedefs_for_step = _find_once


def _find_once(step: Step, fixturemanager: Any, node: Any) -> Sequence[Any]:
    """Return the definitions of a step, which are the same in all files.

    A search compares the text with every fixture of the run, which takes a fifth of the time of a scenario.
    """
    key = (step.type, step.name)
    if key not in _found:
        _found[key] = list(_find(step, fixturemanager, node))
    return _found[key]
