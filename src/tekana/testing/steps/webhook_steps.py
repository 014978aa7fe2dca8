"""Steps about partners, who receive events by webhooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tekana.testing.driver import Record
from tekana.testing.receiver import Received
from tekana.testing.steps.events import Table, expected, rows_of
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, event_type, given, state, then, when, words

_WAIT: Final = timedelta(seconds=5)  # less than the time after which an unrecorded delivery is sent again


@action("a partner subscribes to all events")
def subscribe_to_all(scene: ScenarioContext) -> Request:
    """Subscribe to all events from now on."""
    return _subscribe(scene, {"url": scene.partner().url})


@action('a partner subscribes to "{types:Text}"')
def subscribe_to_types(scene: ScenarioContext, types: str) -> Request:
    """Subscribe to events of some types from now on."""
    wanted = [event_type(one.strip()) for one in types.split(",")]
    return _subscribe(scene, {"url": scene.partner().url, "event_types": wanted})


@action('a partner subscribes with the address "{address:Text}"')
def subscribe_with_address(scene: ScenarioContext, address: str) -> Request:
    """Subscribe with an address that may be refused."""
    scene.partner()
    return _subscribe(scene, {"url": address})


@given("the partner cannot be reached")
def refuse_deliveries(scene: ScenarioContext) -> None:
    """Answer every delivery with 503 from now on."""
    scene.partner().answer = lambda _: 503


@given("the partner cannot receive events about frozen wallets")
def refuse_some_deliveries(scene: ScenarioContext) -> None:
    """Answer deliveries of one type with 503 from now on."""
    scene.partner().answer = lambda one: 503 if one.event["type"] == "WalletFrozen" else 200


@when("the partner can be reached again")
def accept_deliveries(scene: ScenarioContext) -> None:
    """Accept every delivery from now on."""
    scene.wait(lambda: bool(scene.partner().received), passing=_WAIT)  # or it was never out of reach
    scene.partner().answer = lambda _: 200


@when("the partner subscribes again")
def subscribe_again(scene: ScenarioContext) -> None:
    """Enable the endpoint again."""
    scene.when(Request("update_webhook", scene.endpoint_id, {"status": "active"}))


@when(words('the partner requests "{what:Event}" again'))
def request_again(scene: ScenarioContext, what: str) -> None:
    """Have one delivery sent again."""
    [delivery] = [one for one in scene.deliveries() if one["event_type"] == what]
    scene.when(Request("resend", delivery["id"], {}))


@then(words("the partner receives these events of {wallet:Wallet}:"))
def receives_events_of(scene: ScenarioContext, wallet: str, datatable: Table) -> None:
    """Compare the events of the wallet, in order, without those that were delivered before."""
    rows = expected(datatable)
    _wait_for_events(scene, lambda events: len(rows_of(events, scene.wallet(wallet))) >= len(rows))
    assert rows_of(_events(scene), scene.wallet(wallet)) == rows


@state('the partner receives "{types:Text}" and nothing else')
def receives_types_only(scene: ScenarioContext, types: str) -> None:
    """Compare the types of all events that arrive, and of all deliveries."""
    wanted = sorted(event_type(one.strip()) for one in types.split(","))
    _wait_for_events(scene, lambda events: len(events) >= len(wanted))
    assert sorted(one["type"] for one in _events(scene)) == wanted
    assert sorted(one["event_type"] for one in scene.deliveries()) == wanted


@state('the partner receives "{what:Event}" {times:d} times with the same id')
def receives_times(scene: ScenarioContext, what: str, times: int) -> None:
    """Count the deliveries of an event, which all have one id."""

    def arrived() -> list[Received]:
        return [one for one in scene.partner().received if one.event["type"] == what]

    scene.wait(lambda: len(arrived()) >= times, passing=_WAIT)
    assert len(arrived()) == times
    assert len({one.headers["webhook-id"] for one in arrived()}) == 1


@state("deliveries to the partner stop after {days:d} days")
def deliveries_stop(scene: ScenarioContext, days: int) -> None:
    """Wait until the endpoint is disabled, which must not be sooner."""
    began = scene.world.clock()
    scene.wait(lambda: scene.webhook()["status"] == "disabled", passing=timedelta(hours=8))
    assert scene.world.clock() - began >= timedelta(days=days)


def _subscribe(scene: ScenarioContext, details: Record) -> Request:
    return Request("create_webhook", None, details, scene.learn_endpoint)


def _wait_for_events(scene: ScenarioContext, enough: Callable[[list[Record]], bool]) -> None:
    scene.wait(lambda: enough(_events(scene)), passing=_WAIT)


def _events(scene: ScenarioContext) -> list[Record]:
    """Return the events that the partner accepted, in the order of the first delivery of each."""
    return [*{one.event["id"]: one.event for one in scene.partner().accepted}.values()]
