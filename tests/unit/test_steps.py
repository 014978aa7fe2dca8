"""The shipped steps run in a partner's project, and they can fail."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tekana.testing.portal import Portal
from tekana.testing.steps import features_dir
from tekana.testing.steps.step_types import REASONS

FEATURES = sorted(Path(features_dir()).glob("*/*.feature"))

CONFTEST = 'pytest_plugins = ["tekana.testing.steps"]\n'
WORLD = """
import pytest
from pytest_bdd import scenarios, given, when, then
from tekana_memory import MemoryStore
from tekana.testing.clock import FrozenClock
from tekana.testing.core_driver import CoreDriver
from tekana.testing.session import session
from tekana.testing.steps import AcceptanceTarget, features_dir

class Forgetful(MemoryStore):
    async def audit(self):
        async for finding in super().audit():
            yield finding._replace(breach_count=1) if finding.invariant.number == 1 else finding

STORE = MemoryStore

@pytest.fixture
def world(portal):
    clock = FrozenClock()
    with portal.entered(session(store=STORE(clock=clock))) as app:
        yield AcceptanceTarget(CoreDriver(app), clock, audited=app)
"""


FILES = {
    "rule": 'scenarios(features_dir() + "/transactions/refused.feature")',
    "steps": """
scenarios("steps.feature")

@given("something async")
async def something_async():
    raise AssertionError("this is never awaited")
""",
    "audit": 'STORE = Forgetful\nscenarios("audit.feature")',
}

Outcomes = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """Run a partner's tests; return the outcomes by file and test."""
    folder = tmp_path_factory.mktemp("partner")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "steps.feature").write_text(STEPS)
    (folder / "audit.feature").write_text("Feature: F\n  Scenario: A valid one\n    Given Aline is a customer\n")
    for name, code in FILES.items():
        (folder / f"test_{name}.py").write_text(WORLD + code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-W", "error", "-p", "no:cacheprovider", "-c", "/dev/null"]
        + ["--strict-markers", "-o", "asyncio_default_fixture_loop_scope=function", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    outcomes: Outcomes = {name: {} for name in FILES}
    for outcome, file, test in re.findall(r"^(PASSED|FAILED|ERROR) test_(\w+)\.py::(\S+)", done.stdout, re.MULTILINE):
        outcomes[file].setdefault(test, []).append(outcome)
    assert all(outcomes.values()), done.stdout + done.stderr
    return outcomes


STEPS = """
Feature: Steps that fail
  Scenario: An async step
    Given something async

  Scenario: A wrong balance
    Given Aline is a customer with 5,000 RWF
    Then Aline's wallet holds 4,999 RWF

  Scenario: A refusal that no step expects
    Given Aline is a customer
    When 5 RWF is withdrawn from Aline's wallet

  Scenario: A refusal that no step expects, and then something else
    Given Aline is a customer
    When 5 RWF is withdrawn from Aline's wallet
    And 5 RWF is deposited into Aline's wallet
    Then it is done

  Scenario: A Given that is refused
    Given Aline is a customer
    And 5 RWF is withdrawn from Aline's wallet

  Scenario: Refused for another reason
    Given Aline is a customer
    When 5 RWF is withdrawn from Aline's wallet
    Then it is refused: it is another currency

  Scenario: Done, not refused
    Given Aline is a customer
    When 5 RWF is deposited into Aline's wallet
    Then it is refused: not enough money

  Scenario: As it should be
    Given Aline is a customer
    When 5 RWF is withdrawn from Aline's wallet
    Then it is refused: not enough money

  Scenario: Money of any type
    Given Aline is a customer
    And Bosco is a customer
    And a deposit of 9 RWF is made with Aline's wallet
    And a transfer of 4 RWF is made from Aline's wallet to Bosco's wallet
    When a withdrawal of 3 RWF is made with Aline's wallet
    Then it is done
    And Aline's wallet holds 2 RWF
    And Bosco's wallet holds 4 RWF
"""


def test_the_features_pass_in_a_partners_project(outcomes: Outcomes) -> None:
    assert list(outcomes["rule"].values()) == [["PASSED"]] * 7


def test_steps_can_fail(outcomes: Outcomes) -> None:
    assert outcomes["steps"] == {
        "test_an_async_step": ["FAILED"],
        "test_a_wrong_balance": ["FAILED"],
        "test_a_refusal_that_no_step_expects": ["PASSED", "ERROR"],
        "test_a_refusal_that_no_step_expects_and_then_something_else": ["ERROR", "FAILED"],
        "test_a_given_that_is_refused": ["FAILED"],
        "test_refused_for_another_reason": ["FAILED"],
        "test_done_not_refused": ["FAILED"],
        "test_as_it_should_be": ["PASSED"],
        "test_money_of_any_type": ["PASSED"],
    }


def test_each_scenario_ends_with_the_audit(outcomes: Outcomes) -> None:
    assert outcomes["audit"] == {"test_a_valid_one": ["PASSED", "ERROR"]}


def test_every_rule_is_tagged_with_its_number() -> None:
    rules: dict[str, str] = {}
    for feature in FEATURES:
        lines = [line.strip() for line in feature.read_text(encoding="utf-8").splitlines()]
        for before, line in zip(["", *lines], lines, strict=False):
            if line.startswith("Rule: "):
                number, text = re.match(r"Rule: ([CWTEASLMRFQ]\d+)\. (.+)", line).groups()  # type: ignore[union-attr]
                kind = {
                    "C": "customer",
                    "W": "wallet",
                    "T": "transaction",
                    "E": "event",
                    "A": "approval",
                    "S": "sign-in",
                    "L": "audit-log",
                    "M": "limit",
                    "R": "report",
                    "F": "fee",
                    "Q": "quote",
                }[number[0]]
                assert before == f"@{kind}-{number[1:]}", line
                assert rules.setdefault(number, text) == text, f"{number} has two texts"
    counts = {kind: [int(one[1:]) for one in rules if one[0] == kind] for kind in "CWTEASLMRFQ"}
    assert {kind: sorted(numbers) for kind, numbers in counts.items()} == {
        kind: list(range(1, len(numbers) + 1)) for kind, numbers in counts.items()
    }


def test_the_features_use_no_technical_words() -> None:
    technical = re.compile(
        r"\b(HTTP|JSON|API|POST|GET|PATCH|header|status code|endpoint|UUID|idempoten\w+|null|database|SQL)\b",
        re.IGNORECASE,
    )
    for feature in FEATURES:
        assert technical.findall(feature.read_text(encoding="utf-8")) == [], feature


def test_every_refusal_reason_has_an_example() -> None:
    text = "\n".join(feature.read_text(encoding="utf-8") for feature in FEATURES)
    assert [reason for reason in REASONS if reason not in text] == []


def test_the_portal_raises_exceptions_of_the_coroutine() -> None:
    async def fail() -> None:
        raise ZeroDivisionError("planted")

    with Portal() as portal, pytest.raises(ZeroDivisionError, match="planted"):
        portal.call(fail())
