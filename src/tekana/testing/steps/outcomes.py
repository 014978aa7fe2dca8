"""Steps about the outcomes of requests."""

from __future__ import annotations

from tekana.application.commands import MONEY_COMMANDS
from tekana.testing.driver import Refusal, Reply
from tekana.testing.steps.scenario_context import ScenarioContext
from tekana.testing.steps.step_types import state, then


@then("it is done")
def it_is_done(scene: ScenarioContext) -> None:
    """Check that the last request succeeded."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), f"it was refused: {outcome}"
    if scene.last.request.verb in MONEY_COMMANDS:
        assert outcome.record["status"] == "posted"


@state("it is refused: {reason:Reason}")
def it_is_refused(scene: ScenarioContext, reason: str) -> None:
    """Check that the last request was refused."""
    _refused(scene, reason, replayed=False)


@state("it is refused again: {reason:Reason}")
def it_is_refused_again(scene: ScenarioContext, reason: str) -> None:
    """Check that a stored refusal was replayed."""
    _refused(scene, reason, replayed=True)


@state("it is not accepted: the {field:Field} is wrong")
def it_is_not_accepted(scene: ScenarioContext, field: str) -> None:
    """Check that the last request was invalid because of one field."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal), "it was accepted"
    assert (outcome.code, outcome.fields) == ("invalid_request", (field,))


@then("the answer is the same as before")
def same_answer(scene: ScenarioContext) -> None:
    """Check that the last two requests have the same answer."""
    first, second = scene.before.outcome, scene.last.outcome
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert second.record == first.record
    assert (first.replayed, second.replayed) == (False, True)


@then("its key leads to the same transaction")
def key_leads_to_it(scene: ScenarioContext) -> None:
    """Check the outcome that is stored under the key of the last request, which succeeded."""
    reply = scene.last.outcome
    assert isinstance(reply, Reply)
    found = scene.outcome(scene.last.key)
    shown = [found[name] for name in ("status", "resource", "resource_id", "rejection_code")]
    assert shown == ["succeeded", "transaction", reply.record["id"], None]


@state("its key leads to a refusal: {reason:Reason}")
def key_leads_to_refusal(scene: ScenarioContext, reason: str) -> None:
    """Check the outcome that is stored under the key of the last request, which was refused."""
    found = scene.outcome(scene.last.key)
    assert (found["status"], found["rejection_code"]) == ("refused", reason)


@then("a key that was never used leads to nothing")
def unused_key(scene: ScenarioContext) -> None:
    """Check that nothing is found under an unused key."""
    try:
        found = scene.outcome("never used")
    except Refusal as refusal:
        assert refusal.code == "not_found"
    else:
        raise AssertionError(f"it leads to {found}")


@then("every answer is the same")
def same_answers(scene: ScenarioContext) -> None:
    """Check that all concurrent requests have the same answer."""
    first = scene.last.outcome
    assert isinstance(first, Reply)
    assert scene.many
    assert scene.many == [Reply(first.record, replayed=True)] * len(scene.many)


@then("all of them are done")
def all_done(scene: ScenarioContext) -> None:
    """Check that all concurrent requests succeeded."""
    assert scene.many
    refused = [one for one in scene.many if isinstance(one, Refusal)]
    assert not refused


@state("{count:d} of them is done, and the others are refused: {reason:Reason}")
def some_done(scene: ScenarioContext, count: int, reason: str) -> None:
    """Some were lucky."""
    assert sum(isinstance(one, Reply) for one in scene.many) == count
    assert {one.code for one in scene.many if isinstance(one, Refusal)} == {reason}


def _refused(scene: ScenarioContext, code: str, *, replayed: bool) -> None:
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal), f"it was done: {outcome}"
    assert (outcome.code, outcome.replayed) == (code, replayed)
