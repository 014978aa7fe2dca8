"""Steps about holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from tekana.testing.builders import movement_fields
from tekana.testing.driver import Record, Reply
from tekana.testing.steps.events import Table, expected, rows_of
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, state, then, when, words

Money = tuple[str, str]

_DAY_SECONDS: Final = 24 * 3600


@action("{money:Money} is held in {one:Wallet} for {other:Wallet}")
def held(scene: ScenarioContext, money: Money, one: str, other: str) -> Request:
    """Authorize a hold, for as long as holds last by default."""
    fields = movement_fields("hold", scene.wallet(one), scene.wallet(other), *money)
    return Request("hold", None, fields, scene.learn_hold)


@action("{money:Money} is held in {one:Wallet} for {other:Wallet} for {days:d} days")
def held_for(scene: ScenarioContext, money: Money, one: str, other: str, days: int) -> Request:
    """Authorize a hold for some days."""
    request = held(scene, money, one, other)
    return request._replace(details={**request.details, "expires_in": days * _DAY_SECONDS})


@action("the hold is captured")
def captured(scene: ScenarioContext) -> Request:
    """Capture all that is left."""
    return Request("capture", scene.hold_id, {})


@action("{money:Money} of the hold is captured")
def partly_captured(scene: ScenarioContext, money: Money) -> Request:
    """Capture a part, and release the rest."""
    return Request("capture", scene.hold_id, {"amount": money[0]})


@action("{money:Money} of the hold is captured, and the rest stays held")
def captured_in_parts(scene: ScenarioContext, money: Money) -> Request:
    """Capture a part, and keep the rest."""
    return Request("capture", scene.hold_id, {"amount": money[0], "final": False})


@action('the amount "{amount:Text}" of the hold is captured')
def amount_captured(scene: ScenarioContext, amount: str) -> Request:
    """Capture an amount given as text."""
    return Request("capture", scene.hold_id, {"amount": amount})


@when("something that is no hold is captured")
def no_hold_captured(scene: ScenarioContext) -> None:
    """Capture with an unknown id."""
    scene.when(Request("capture", str(uuid4()), {}))


@when(words("the hold is captured by {people:d} people at once"))
def captured_by_many(scene: ScenarioContext, people: int) -> None:
    """Capture all that is left several times, concurrently."""
    scene.at_once([captured(scene)] * people)


@action("the hold is voided")
def voided(scene: ScenarioContext) -> Request:
    """Void the hold."""
    return Request("void", scene.hold_id, {"reason": "The order was cancelled"})


@action("the hold is changed to {money:Money}")
def changed(scene: ScenarioContext, money: Money) -> Request:
    """Raise or lower the amount."""
    return Request("change_hold", scene.hold_id, {"amount": money[0]})


@action("the hold is extended to {days:d} days")
def extended(scene: ScenarioContext, days: int) -> Request:
    """Set when the hold expires, from now on."""
    return Request("change_hold", scene.hold_id, {"expires_in": days * _DAY_SECONDS})


@when("the hold expires")
def expires(scene: ScenarioContext) -> None:
    """Let the time of the hold pass, and wait for the background work."""
    scene.world.clock.set(datetime.fromisoformat(_hold(scene)["expires_at"]))
    scene.wait(lambda: _hold(scene)["status"] == "expired", passing=timedelta(0))


@then("it is held")
def it_is_held(scene: ScenarioContext) -> None:
    """Check that the last request authorized a hold."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), f"it was refused: {outcome}"
    assert (outcome.record["type"], outcome.record["status"]) == ("hold", "pending")


@state("{wallet:Wallet} has {money:Money}, of which {part:Money} is held")
def has_with_holds(scene: ScenarioContext, wallet: str, money: Money, part: Money) -> None:
    """Check the ledger balance of a wallet, and what is held."""
    shown = scene.get("wallets", scene.wallet(wallet))
    assert (shown["ledger_balance"], shown["held"], shown["currency"]) == (money[0], part[0], money[1])


@state("the hold is {status:w}, with {taken:Money} captured and {left:Money} held")
def hold_is(scene: ScenarioContext, status: str, taken: Money, left: Money) -> None:
    """Check the state of the hold."""
    shown = _hold(scene)
    assert (shown["status"], shown["captured_amount"], shown["held_amount"]) == (status, taken[0], left[0])


@state("the hold expires at {at:Moment}")
def expires_at(scene: ScenarioContext, at: str) -> None:
    """Check when the hold expires."""
    assert _hold(scene)["expires_at"] == at


@then("the events of the hold are:")
def happened_to_hold(scene: ScenarioContext, datatable: Table) -> None:
    """Check the events of the hold's transaction, in order."""
    assert rows_of(scene.events(), scene.hold_id) == expected(datatable)


def _hold(scene: ScenarioContext) -> Any:
    shown: Record = scene.get("transactions", scene.hold_id)
    return shown
