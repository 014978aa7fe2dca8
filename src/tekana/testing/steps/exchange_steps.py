"""Steps about exchange rates."""

from __future__ import annotations

from datetime import timedelta

from tekana.testing.driver import Record
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action


@action("the operator buys {base:w} at {bid:Number} {quote:w} and sells it at {ask:Number} {again:w}")
def rate_set(scene: ScenarioContext, base: str, bid: str, quote: str, ask: str, again: str) -> Request:  # noqa: ARG001 - every step has it
    """Set the rate of a pair, without an end."""
    assert again == quote, "both prices are in the same currency"
    return _rate({"base": base, "quote": quote, "bid": bid, "ask": ask})


@action("the operator buys {base:w} at {bid:Number} {quote:w} and sells it at {ask:Number} {again:w} for an hour")
def rate_set_for_an_hour(scene: ScenarioContext, base: str, bid: str, quote: str, ask: str, again: str) -> Request:
    """Set the rate of a pair that expires after an hour."""
    set_ = rate_set(scene, base, bid, quote, ask, again)
    until = scene.world.clock() + timedelta(hours=1)
    return set_._replace(details={**set_.details, "valid_until": until.isoformat()})


def _rate(details: Record) -> Request:
    return Request("set_rate", None, details)
