"""Steps about limits."""

from __future__ import annotations

from tekana.domain.limits import is_count
from tekana.testing.driver import Record, Refusal
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, state

Rows = list[list[str]]


@action("the limits of tier {tier:d} in {currency:w} are:")
def limits_are(scene: ScenarioContext, tier: int, currency: str, datatable: Rows) -> Request:  # noqa: ARG001
    """Set the limits of a tier."""
    return Request("set_limits", None, {"tier": str(tier), "currency": currency, **_limits(datatable)})


@action("the limits of tier {tier:d} in {currency:w} are set to:")
def limits_are_set(scene: ScenarioContext, tier: int, currency: str, datatable: Rows) -> Request:
    """Set the limits of a tier."""
    return limits_are(scene, tier, currency, datatable)


@action('the limits of {who:Person} in {currency:w} are overridden until {until:Moment} because "{reason:Text}":')
def overridden(scene: ScenarioContext, who: str, currency: str, until: str, reason: str, datatable: Rows) -> Request:
    """Override limits of a customer."""
    details = {"currency": currency, "until": until, "reason": reason, **_limits(datatable)}
    return Request("override_limits", scene.person(who), details)


@action('the limits of {who:Person} in {currency:w} are no longer overridden because "{reason:Text}"')
def no_longer_overridden(scene: ScenarioContext, who: str, currency: str, reason: str) -> Request:
    """End the override of limits of a customer."""
    details = {"currency": currency, "until": "2099-12-31T00:00:00Z", "reason": reason}
    return Request("override_limits", scene.person(who), details)


@state("the refusal names the {limit:Limit}, of which {left:Number} is left until {until:Moment}")
def names_the_limit(scene: ScenarioContext, limit: str, left: str, until: str) -> None:
    """Check the limit that the last refusal names."""
    found = _named(scene)
    assert (found["name"], found["left"], found["resets_at"]) == (limit, left, until)


@state("the refusal names the {limit:Limit}, of which {left:Number} is left")
def names_the_limit_of_no_window(scene: ScenarioContext, limit: str, left: str) -> None:
    """Check the limit that the last refusal names, which is one of no window."""
    found = _named(scene)
    assert (found["name"], found["left"], found["resets_at"]) == (limit, left, None)


@state("the refusal names no limit")
def names_no_limit(scene: ScenarioContext) -> None:
    """Check that the last refusal says nothing about a limit."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal)
    assert outcome.limit is None


@state("{who:Person} has {left:Number} of the {limit:Limit} in {currency:w} left, until {until:Moment}")
def has_left_until(scene: ScenarioContext, who: str, left: str, limit: str, currency: str, until: str) -> None:
    """Check what is left of a limit, and when it begins anew."""
    found = _state(scene, who, limit, currency)
    assert (found["left"], found["resets_at"]) == (left, until)


@state("{who:Person} has {left:Number} of the {limit:Limit} in {currency:w} left")
def has_left(scene: ScenarioContext, who: str, left: str, limit: str, currency: str) -> None:
    """Check what is left of a limit."""
    assert _state(scene, who, limit, currency)["left"] == left


def _limits(rows: Rows) -> Record:
    named = {name.replace(" ", "_"): value for name, value in rows}
    return {name: int(value) if is_count(name) else value for name, value in named.items()}


def _named(scene: ScenarioContext) -> Record:
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal)
    assert outcome.limit is not None, "the refusal names no limit"
    return outcome.limit


def _state(scene: ScenarioContext, who: str, limit: str, currency: str) -> Record:
    found = scene.get("limits", scene.person(who))["currencies"]
    [states] = [one["limits"] for one in found if one["currency"] == currency]
    [state_] = [one for one in states if one["name"] == limit]
    return state_  # type: ignore[no-any-return]
