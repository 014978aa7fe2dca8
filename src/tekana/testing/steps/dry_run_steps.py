"""Steps about dry runs."""

from __future__ import annotations

from typing import Any

from tekana.testing.driver import Record, Reply
from tekana.testing.steps.batches import requested_together, result_of
from tekana.testing.steps.money import made
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import given, state, then, when, words

_NOT_PROJECTED = ("id", "created_at", "posted_at", "effective_at")


@when(words("{type_:TransactionType} of {money:Money} from {one:Wallet} to {other:Wallet} is tried out"))
def tried_out(scene: ScenarioContext, type_: str, money: tuple[str, str], one: str, other: str) -> None:
    """Send a money command as a dry run."""
    scene.when(_dry_run(made(scene, type_, money, one, other)))


@given(words("{type_:TransactionType} of {money:Money} from {one:Wallet} to {other:Wallet} was tried out"))
def was_tried_out(scene: ScenarioContext, type_: str, money: tuple[str, str], one: str, other: str) -> None:
    """Send a money command as a dry run, which shows that it is possible."""
    tried_out(scene, type_, money, one, other)
    _reply(scene)


@when("capturing the hold is tried out")
def capture_tried_out(scene: ScenarioContext) -> None:
    """Send the capture of all of a hold as a dry run."""
    scene.when(_dry_run(Request("capture", scene.hold_id, {})))


@when("voiding the hold is tried out")
def void_tried_out(scene: ScenarioContext) -> None:
    """Send the voiding of a hold as a dry run."""
    scene.when(_dry_run(Request("void", scene.hold_id, {"reason": "The order was cancelled"})))


@when(words("changing the hold to {money:Money} is tried out"))
def change_tried_out(scene: ScenarioContext, money: tuple[str, str]) -> None:
    """Send a change of a hold as a dry run."""
    scene.when(_dry_run(Request("change_hold", scene.hold_id, {"amount": money[0]})))


@when("reversing the transfer is tried out")
def reversal_tried_out(scene: ScenarioContext) -> None:
    """Send the reversal of all of a transfer as a dry run."""
    scene.when(_dry_run(Request("reverse", scene.moved["transfer"], {})))


@when(words("these are tried out together, {mode:Mode}:"))
def tried_out_together(scene: ScenarioContext, mode: str, datatable: list[list[str]]) -> None:
    """Send a batch as a dry run."""
    scene.when(_dry_run(requested_together(scene, mode, datatable)))


@state("{wallet:Wallet} would hold {money:Money}")
def would_hold(scene: ScenarioContext, wallet: str, money: tuple[str, str]) -> None:
    """Check the projected balance of a wallet."""
    entries = [one for one in _reply(scene).record["entries"] if one["wallet_id"] == scene.wallet(wallet)]
    assert [(one["ledger_balance_after"], one["currency"]) for one in entries] == [money]


@state("number {number:d} would be refused: {reason:Reason}")
def number_would_be_refused(scene: ScenarioContext, number: int, reason: str) -> None:
    """Check that a transaction of a batch would be rejected, and that the problem names no stored one."""
    problem = result_of(scene, number)["problem"]
    assert problem["code"] == reason
    assert problem.get("transaction_id") is None


@then("the answer is the one of the dry run")
def answer_of_the_dry_run(scene: ScenarioContext) -> None:
    """Check that the last request got the answer that its dry run showed, but for the id and the times."""
    before, last = scene.before, _reply(scene)
    assert before.request.dry_run
    assert isinstance(before.outcome, Reply), before.outcome
    assert _projected(last.record) == _projected(before.outcome.record)


def _dry_run(request: Request) -> Request:
    return request._replace(dry_run=True)


def _reply(scene: ScenarioContext) -> Reply:
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), f"it is not possible: {outcome}"
    return outcome


def _projected(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in _NOT_PROJECTED}
