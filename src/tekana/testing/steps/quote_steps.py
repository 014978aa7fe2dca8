"""Steps about quotes. "As quoted" names the last quote."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tekana.testing.builders import movement_fields
from tekana.testing.driver import Record, Reply
from tekana.testing.steps.money import made
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, state, then, when, words

Money = tuple[str, str]


@action("{type_:TransactionType} of {money:Money} from {one:Wallet} to {other:Wallet} is quoted")
def quoted(scene: ScenarioContext, type_: str, money: Money, one: str, other: str) -> Request:
    """Ask for a quote of a movement between two wallets."""
    fields = movement_fields(type_, scene.wallet(one), scene.wallet(other), *money)
    return Request("create_quote", None, {"type": type_, **fields}, scene.learn_quote)


@action("{type_:TransactionType} of {money:Money} is made from {one:Wallet} to {other:Wallet} as quoted")
def made_as_quoted(scene: ScenarioContext, type_: str, money: Money, one: str, other: str) -> Request:
    """Make a transaction that names the last quote."""
    return _by(made(scene, type_, money, one, other), scene.quote["id"])


@action("{type_:TransactionType} of {money:Money} is made from {one:Wallet} to {other:Wallet} by an unknown quote")
def made_by_unknown_quote(scene: ScenarioContext, type_: str, money: Money, one: str, other: str) -> Request:
    """Make a transaction that names a quote that does not exist."""
    return _by(made(scene, type_, money, one, other), str(uuid4()))


@when(
    words(
        "{type_:TransactionType} of {money:Money} is made from {one:Wallet} to {other:Wallet} "
        "as quoted by {people:d} people at once"
    )
)
def made_by_many(scene: ScenarioContext, type_: str, money: Money, one: str, other: str, people: int) -> None:
    """Make transactions that name the last quote, concurrently."""
    scene.at_once([made_as_quoted(scene, type_, money, one, other)] * people)


@state("it is quoted with a fee of {fee:Money} and a tax of {tax:Money}")
def quoted_with(scene: ScenarioContext, fee: Money, tax: Money) -> None:
    """Check the fee of the last quote."""
    shown = _quote(scene)
    assert (shown["fee"], shown["tax"], shown["fee_currency"]) == (fee[0], tax[0], fee[1])


@then("it is quoted without a fee")
def quoted_without(scene: ScenarioContext) -> None:
    """Check that the last quote has no fee."""
    assert "fee" not in _quote(scene)


@state("{out:Money} would leave, and {in_:Money} would enter")
def would_move(scene: ScenarioContext, out: Money, in_: Money) -> None:
    """Check the totals of the last quote."""
    shown = _quote(scene)
    assert (shown["total_debit"], shown["currency"]) == out
    assert (shown["total_credit"], shown["credit_currency"]) == in_


@state("the quote expires at {at:Moment}")
def expires(scene: ScenarioContext, at: str) -> None:
    """Check when the last quote expires."""
    assert scene.quote["expires_at"] == at


def _quote(scene: ScenarioContext) -> Record:
    outcome = scene.last.outcome
    assert isinstance(outcome, Reply), f"it was refused: {outcome}"
    return outcome.record


def _by(request: Request, quote_id: Any) -> Request:
    return request._replace(details={**request.details, "quote_id": quote_id})
