"""Steps about what needs the approval of a second person."""

from __future__ import annotations

from typing import Any

import pytest

from tekana.testing.driver import Record, Reply
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, given, state, then, when, words

Money = tuple[str, str]

_DIRECTIONS = {"add": "credit", "added": "credit", "take": "debit", "taken": "debit"}


@given("corrections and reactivations need the approval of a second person")
def two_people(scene: ScenarioContext) -> None:
    """Skip the scenario on a target that does not have several operators."""
    if scene.world.operators is None:
        pytest.skip("there are no operators with approvals here")


@action('{money:Money} is {moved:w} {_:w} {wallet:Wallet} as a correction because "{reason:Text}"')
def corrected(scene: ScenarioContext, money: Money, moved: str, wallet: str, reason: str, **_: str) -> Request:
    """Adjust a balance."""
    return Request("adjustment", None, _adjustment(scene, moved, money, wallet, reason))


@when(words('{who:Person} asks to {move:w} {money:Money} {_:w} {wallet:Wallet} because "{reason:Text}"'))
def asks_to_adjust(
    scene: ScenarioContext, who: str, move: str, money: Money, wallet: str, reason: str, **_: Any
) -> None:
    """Ask for an adjustment."""
    _ask(scene, who, Request("adjustment", None, _adjustment(scene, move, money, wallet, reason)))


@when(words("{who:Person} asks to reactivate {customer:Person}"))
def asks_to_reactivate(scene: ScenarioContext, who: str, customer: str) -> None:
    """Ask for a reactivation."""
    _ask(scene, who, Request("reactivate", scene.person(customer), {}))


@when(words("{who:Person} approves it"))
def approves(scene: ScenarioContext, who: str) -> None:
    """Approve what was asked for last."""
    scene.when(_approval(scene, who))


@when(words("{people:d} people approve it at once"))
def approve_at_once(scene: ScenarioContext, people: int) -> None:
    """Approve what was asked for last, several callers concurrently."""
    scene.at_once([_approval(scene, f"person {number}") for number in range(people)])


@when(words('{who:Person} rejects it because "{reason:Text}"'))
def rejects(scene: ScenarioContext, who: str, reason: str) -> None:
    """Reject what was asked for last."""
    scene.when(Request("reject", scene.approval_id, {"reason": reason}, by=who))


@then("it waits for an approval")
def it_waits(scene: ScenarioContext) -> None:
    """Check that the last request was answered with a pending approval."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), f"it was refused: {outcome}"
    assert (outcome.record["id"], outcome.record["status"]) == (scene.approval_id, "pending")


@state("what was asked for is {status:w}")
def asked_for_is(scene: ScenarioContext, status: str) -> None:
    """Check the status of what was asked for last."""
    assert scene.get("approvals", scene.approval_id)["status"] == status


def _ask(scene: ScenarioContext, who: str, request: Request) -> None:
    def learn(record: Record) -> None:
        scene.approval_id = record["id"]

    scene.when(request._replace(by=who, learn=learn))


def _approval(scene: ScenarioContext, who: str) -> Request:
    return Request("approve", scene.approval_id, {}, by=who)


def _adjustment(scene: ScenarioContext, move: str, money: Money, wallet: str, reason: str) -> Record:
    amount, currency = money
    return {
        "wallet_id": scene.wallet(wallet),
        "direction": _DIRECTIONS[move],
        "amount": amount,
        "currency": currency,
        "reason": reason,
    }
