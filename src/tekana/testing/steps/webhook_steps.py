"""Partners, who are told by webhooks what happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tekana.testing.driver import Record
from tekana.testing.receiver import Received
from tekana.testing.steps.events import Table, expected, rows_of
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, event_type, given, state, then, when, words

_A_MOMENT: Final = timedelta(seconds=5)  # less than the time after which what was sent and not noted is sent again


@action("a partner subscribes to all events")
def asks_for_everything(scene: ScenarioContext) -> Request:
    """Somebody wants to know what happens from now on."""
    return _asks(scene, {"url": scene.partner().url})


@action('a partner subscribes to "{types:Text}"')
def asks_for_some(scene: ScenarioContext, types: str) -> Request:
    """Somebody wants to know some of what happens from now on."""
    wanted = [event_type(one.strip()) for one in types.split(",")]
    return _asks(scene, {"url": scene.partner().url, "event_types": wanted})


@action('a partner subscribes with the address "{address:Text}"')
def asks_at(scene: ScenarioContext, address: str) -> Request:
    """Somebody wants to know what happens, somewhere."""
    scene.partner()
    return _asks(scene, {"url": address})


@given("the partner cannot be reached")
def out_of_reach(scene: ScenarioContext) -> None:
    """From now on, nothing gets through to the partner."""
    scene.partner().answer = lambda _: 503


@given("the partner cannot receive events about frozen wallets")
def out_of_reach_for_some(scene: ScenarioContext) -> None:
    """From now on, some of it does not get through."""
    scene.partner().answer = lambda one: 503 if one.event["type"] == "WalletFrozen" else 200


@when("the partner can be reached again")
def in_reach(scene: ScenarioContext) -> None:
    """From now on, everything gets through."""
    scene.wait(lambda: bool(scene.partner().received), passing=_A_MOMENT)  # or it was never out of reach
    scene.partner().answer = lambda _: 200


@when("the partner subscribes again")
def asks_again(scene: ScenarioContext) -> None:
    """They are back."""
    scene.when(Request("update_webhook", scene.endpoint_id, {"status": "active"}))


@when(words('the partner requests "{what:Event}" again'))
def asks_once_more(scene: ScenarioContext, what: str) -> None:
    """They lost it."""
    [delivery] = [one for one in scene.deliveries() if one["event_type"] == what]
    scene.when(Request("resend", delivery["id"], {}))


@then(words("the partner receives these events of {wallet:Wallet}:"))
def told_of(scene: ScenarioContext, wallet: str, datatable: Table) -> None:
    """What arrives about the wallet, in order, each thing once for those who drop what they know."""
    rows = expected(datatable)
    _wait_until_told(scene, lambda told: len(rows_of(told, scene.wallet(wallet))) >= len(rows))
    assert rows_of(_told(scene), scene.wallet(wallet)) == rows


@state('the partner receives "{types:Text}" and nothing else')
def told_only_of(scene: ScenarioContext, types: str) -> None:
    """What arrives, and nothing else is on its way."""
    wanted = sorted(event_type(one.strip()) for one in types.split(","))
    _wait_until_told(scene, lambda told: len(told) >= len(wanted))
    assert sorted(one["type"] for one in _told(scene)) == wanted
    assert sorted(one["event_type"] for one in scene.deliveries()) == wanted


@state('the partner receives "{what:Event}" {times:d} times with the same id')
def told_times(scene: ScenarioContext, what: str, times: int) -> None:
    """It arrives again and again, and can be recognized."""

    def arrived() -> list[Received]:
        return [one for one in scene.partner().received if one.event["type"] == what]

    scene.wait(lambda: len(arrived()) >= times, passing=_A_MOMENT)
    assert len(arrived()) == times
    assert len({one.headers["webhook-id"] for one in arrived()}) == 1


@state("deliveries to the partner stop after {days:d} days")
def told_no_more(scene: ScenarioContext, days: int) -> None:
    """Nobody has listened for so long, and no sooner, that nothing is sent."""
    began = scene.world.clock()
    scene.wait(lambda: scene.webhook()["status"] == "disabled", passing=timedelta(hours=8))
    assert scene.world.clock() - began >= timedelta(days=days)


def _asks(scene: ScenarioContext, details: Record) -> Request:
    return Request("create_webhook", None, details, scene.learn_endpoint)


def _wait_until_told(scene: ScenarioContext, enough: Callable[[list[Record]], bool]) -> None:
    scene.wait(lambda: enough(_told(scene)), passing=_A_MOMENT)


def _told(scene: ScenarioContext) -> list[Record]:
    """What got through to the partner, in the order in which it first did; they drop what they know."""
    return [*{one.event["id"]: one.event for one in scene.partner().accepted}.values()]
