"""Steps about batches."""

from __future__ import annotations

from typing import Any

from tekana.testing.driver import Record, Refusal, Reply
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, state, then, when, words

OUTSIDE = "the world outside"


@action("these are requested together, {mode:Mode}:")
def requested_together(scene: ScenarioContext, mode: str, datatable: list[list[str]]) -> Request:
    """Send a batch; the table has the payer, the payee, the amount, and optionally the reference."""
    titles, *rows = datatable
    movements = [_movement(scene, **_row(titles, row)) for row in rows]
    return Request("batch", None, {"mode": mode, "transactions": movements})


@when(words("{count:d} times {money:Money} from {one:Wallet} to {other:Wallet} are requested together, {mode:Mode}"))
def many_requested(scene: ScenarioContext, count: int, money: tuple[str, str], one: str, other: str, mode: str) -> None:
    """Send a batch of equal transfers."""
    movement = _movement(scene, one, other, " ".join(money))
    scene.when(Request("batch", None, {"mode": mode, "transactions": [movement] * count}))


@when("the same are requested again, in another order")
def in_another_order(scene: ScenarioContext) -> None:
    """Repeat the batch in another order."""
    movements: list[Record] = scene.last.request.details["transactions"]
    scene.again(transactions=movements[::-1])


@when("the same are requested again, with one more")
def with_one_more(scene: ScenarioContext) -> None:
    """Repeat the batch with one more transaction."""
    movements: list[Record] = scene.last.request.details["transactions"]
    scene.again(transactions=[*movements, movements[0]])


@when(words("the same are requested again, but {mode:Mode}"))
def in_another_mode(scene: ScenarioContext, mode: str) -> None:
    """Repeat the batch in another mode."""
    scene.again(mode=mode)


@then("every one of them is done")
def every_one_done(scene: ScenarioContext) -> None:
    """Check that all transactions are posted."""
    assert {result["status"] for result in _results(scene)} == {201}
    assert {result["transaction"]["status"] for result in _results(scene)} == {"posted"}


@state("number {number:d} is done")
def number_done(scene: ScenarioContext, number: int) -> None:
    """Check that a transaction is posted."""
    assert result_of(scene, number)["transaction"]["status"] == "posted"


@state("number {number:d} is refused: {reason:Reason}")
def number_refused(scene: ScenarioContext, number: int, reason: str) -> None:
    """Check that a transaction is rejected, and stored."""
    problem = result_of(scene, number)["problem"]
    kept = scene.get("transactions", problem["transaction_id"])
    assert problem["code"] == kept["rejection_code"] == reason


@state("the others are not done because of number {number:d}")
def number_to_blame(scene: ScenarioContext, number: int) -> None:
    """Check the index of the command that an atomic batch failed on."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), outcome
    assert outcome.record["failed_index"] == number - 1


@state("none is accepted: the {field} of number {number:d} is wrong")
def none_accepted(scene: ScenarioContext, field: str, number: int) -> None:
    """Check that one of the commands was invalid."""
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal), "they were accepted"
    assert (outcome.code, outcome.fields) == ("invalid_request", (f"transactions[{number - 1}].{field}",))


def _movement(
    scene: ScenarioContext, source: str, target: str, money: str, reference: str | None = None
) -> dict[str, Any]:
    amount, currency = money.replace(",", "").split()
    details = {"amount": amount, "currency": currency} | ({"reference": reference} if reference else {})
    if source == OUTSIDE:
        return {"type": "deposit", "wallet_id": scene.wallet(target), **details}
    if target == OUTSIDE:
        return {"type": "withdrawal", "wallet_id": scene.wallet(source), **details}
    return {
        "type": "transfer",
        "from_wallet_id": scene.wallet(source),
        "to_wallet_id": scene.wallet(target),
        **details,
    }


def _row(titles: list[str], cells: list[str]) -> dict[str, str]:
    words_of = {"from": "source", "to": "target", "how much": "money", "reference": "reference"}
    return {words_of[title]: cell for title, cell in zip(titles, cells, strict=True)}


def _results(scene: ScenarioContext) -> list[Record]:
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), f"nothing was decided: {outcome}"
    results: list[Record] = outcome.record["results"]
    assert [result["index"] for result in results] == list(range(len(scene.last.request.details["transactions"])))
    return results


def result_of(scene: ScenarioContext, number: int) -> Record:
    """Return the result of a transaction of the last batch, counted from 1."""
    return _results(scene)[number - 1]
