"""Reports of failed scenarios: file, line, step, expected and found values."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_FAILED_STEP = pytest.StashKey["FailedStep"]()
_SCENARIO = pytest.StashKey[Any]()
_in_step: list[Comparison] | None = None  # while a step runs: the comparisons that failed in it


class Comparison(NamedTuple):
    """A failed comparison. Steps write the found value on its left, the expected one on its right."""

    operator: str
    found: object
    expected: object


class FailedStep(NamedTuple):
    """A failed step, and the failed comparison in it, if any."""

    feature: Any
    scenario: Any
    step: Any
    comparison: Comparison | None
    known: bool = True


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, scenario: Any) -> None:
    """Store the scenario of a test."""
    request.node.stash[_SCENARIO] = scenario


def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, feature: Any, scenario: Any, step: Any) -> None:
    """Store a step without a definition."""
    request.node.stash[_FAILED_STEP] = FailedStep(feature, scenario, step, None, known=False)


def pytest_bdd_before_step_call() -> None:
    """Begin to record comparisons."""
    global _in_step  # noqa: PLW0603 - pytest's hook for comparisons has no reference to the test
    _in_step = []


def pytest_bdd_after_step() -> None:
    """Discard the comparisons of a passed step."""
    global _in_step  # noqa: PLW0603
    _in_step = None


def pytest_assertrepr_compare(op: str, left: object, right: object) -> None:
    """Record a failed comparison, without a change of its representation."""
    if _in_step is not None:
        _in_step.append(Comparison(op, left, right))


def pytest_bdd_step_error(request: pytest.FixtureRequest, feature: Any, scenario: Any, step: Any) -> None:
    """Store the failed step."""
    global _in_step  # noqa: PLW0603
    comparison = _in_step[-1] if _in_step else None
    request.node.stash[_FAILED_STEP] = FailedStep(feature, scenario, step, comparison)
    _in_step = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Replace the traceback of a failed assertion in a step by a report. Other errors keep theirs."""
    report = yield
    failed, scenario = item.stash.get(_FAILED_STEP, None), item.stash.get(_SCENARIO, None)
    if not report.failed or call.excinfo is None:
        return report
    is_rule = call.excinfo.errisinstance(AssertionError)
    if report.when == "call" and failed is not None and (is_rule or not failed.known):
        report.longrepr = in_words(failed, call.excinfo.value)
    elif report.when == "teardown" and scenario is not None and is_rule:
        report.longrepr = (
            f"{_path(scenario.feature)}, line {scenario.line_number}\n"
            f"  Scenario: {scenario.name}\n  After its last step: {_message(call.excinfo.value)}\n"
        )
    return report


def in_words(failed: FailedStep, error: BaseException) -> str:
    """Format the report of a failed step."""
    lines = [
        f"{_path(failed.feature)}, line {failed.step.line_number}",
        f"  Scenario: {failed.scenario.name}",
        f"  Step:     {failed.step.keyword} {failed.step.name}",
    ]
    if not failed.known:
        lines.append("  No step of tekana has these words.")
    elif failed.comparison is not None and failed.comparison.operator in ("==", "in", "<="):
        lines += [
            f"  Expected: {_plain(failed.comparison.expected)}",
            f"  Found:    {_plain(failed.comparison.found)}",
        ]
    else:
        lines.append(f"  Found:    {_message(error)}")
    return "\n".join(lines) + "\n"


def _path(feature: Any) -> str:
    path = Path(feature.filename)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)


def _message(error: BaseException) -> str:
    return str(error).splitlines()[0].removeprefix("AssertionError: ") if str(error) else "something else"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(_plain, value))) or "nothing"
    if isinstance(value, list) and value and all(isinstance(row, list | tuple | dict) for row in value):
        return "".join(f"\n            {_plain(row)}" for row in value)
    if isinstance(value, tuple | list):
        return " ".join(map(_plain, value)) or "nothing"
    return "nothing" if value in (None, "") else str(value)
