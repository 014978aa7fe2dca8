"""Steps about reversals. "That" is what the last request before a reversal moved."""

from __future__ import annotations

from typing import Any

from tekana.testing.driver import Record
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, when, words

Money = tuple[str, str]


@action("{what:That} is reversed")
def reversed_(scene: ScenarioContext, what: str) -> Request:
    """Reverse all that is left."""
    return _reversal(scene, what, {})


@action("{money:Money} of {what:That} is reversed")
def partly_reversed(scene: ScenarioContext, money: Money, what: str) -> Request:
    """Reverse a part."""
    return _reversal(scene, what, {"amount": money[0]})


@action("{what:That} is reversed, or what is left is held")
def reversed_or_held(scene: ScenarioContext, what: str) -> Request:
    """Reverse all that is left; if the receiver has spent it, hold what they have."""
    return _reversal_or_hold(scene, what, {})


@action("{money:Money} of {what:That} is reversed, or what is left is held")
def partly_reversed_or_held(scene: ScenarioContext, money: Money, what: str) -> Request:
    """Reverse a part; if the receiver has spent it, hold what they have."""
    return _reversal_or_hold(scene, what, {"amount": money[0]})


@when("the reversal is reversed")
def reversal_reversed(scene: ScenarioContext) -> None:
    """Try to reverse the last reversal."""
    scene.when(Request("reverse", scene.reversal_id, {}))


@when(words("that is reversed by {people:d} people at once"))
def reversed_by_many(scene: ScenarioContext, people: int) -> None:
    """Reverse all that is left, concurrently."""
    scene.at_once([_reversal(scene, "that", {})] * people)


def _reversal(scene: ScenarioContext, what: str, details: dict[str, Any]) -> Request:
    def learn(record: Record) -> None:
        scene.reversal_id = record["id"]

    return Request("reverse", scene.moved[what], details, learn)


def _reversal_or_hold(scene: ScenarioContext, what: str, details: dict[str, Any]) -> Request:
    return Request("reverse", scene.moved[what], {**details, "hold_rest": True}, scene.learn_hold)
