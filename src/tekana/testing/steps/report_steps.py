"""Steps about statements and reports."""

from __future__ import annotations

import pytest

from tekana.testing.driver import Refusal
from tekana.testing.steps.scenario_context import ScenarioContext
from tekana.testing.steps.step_types import state, then, words

Money = tuple[str, str]
Table = list[list[str]]

_PERIOD = "{wallet:Wallet} from {start:Moment} to {end:Moment}"


@then(words(f"the statement of {_PERIOD} is:"))
def statement_is(scene: ScenarioContext, wallet: str, start: str, end: str, datatable: Table) -> None:
    """Check the balances and the entries of a statement."""
    found = scene.statement(wallet, **{"from": start, "to": end})
    shown = [
        ["opening", "", "", found["opening_balance"]],
        *(
            [
                entry["type"],
                {"credit": "in", "debit": "out"}[entry["direction"]],
                entry["amount"],
                entry["ledger_balance_after"],
            ]
            for entry in found["entries"]
        ),
        ["closing", "", "", found["closing_balance"]],
    ]
    assert shown == [[cell.replace(",", "") for cell in row] for row in datatable[1:]]


@state(
    f"the statement of {_PERIOD} goes from {{opening:Money}} "
    "by {came:Money} in and {left:Money} out to {closing:Money}"
)
def statement_goes(
    scene: ScenarioContext,
    wallet: str,
    start: str,
    end: str,
    opening: Money,
    came: Money,
    left: Money,
    closing: Money,
) -> None:
    """Check the balances and totals of a statement."""
    found = scene.statement(wallet, **{"from": start, "to": end})
    names = ("opening_balance", "total_credits", "total_debits", "closing_balance")
    assert [(found[name], found["currency"]) for name in names] == [opening, came, left, closing]


@state(f"there is no statement of {_PERIOD}")
def no_statement(scene: ScenarioContext, wallet: str, start: str, end: str) -> None:
    """Check that a statement is refused."""
    with pytest.raises(Refusal) as refused:
        scene.statement(wallet, **{"from": start, "to": end})
    is_missing = wallet == "a missing wallet"
    expected = ("not_found", ()) if is_missing else ("invalid_request", ("to",))
    assert (refused.value.code, refused.value.fields) == expected


@then(words("the trial balance at {at:Moment} is:"))
def trial_balance_is(scene: ScenarioContext, at: str, datatable: Table) -> None:
    """Check the accounts that have a balance."""
    found = scene.trial_balance(at)["accounts"]
    names = ("account", "currency", "debit", "credit")
    shown = [[one[name] for name in names] for one in found if one["debit"] != one["credit"]]
    assert shown == [[cell.replace(",", "") for cell in row] for row in datatable[1:]]


@then(words("the exchange positions in {currency:w} are:"))
def positions_are(scene: ScenarioContext, currency: str, datatable: Table) -> None:
    """Check the position of each currency, and its value."""
    found = scene.exchange_positions(currency)["positions"]
    shown = [[one["currency"], one["balance"], one["value"] or ""] for one in found]
    assert shown == [[cell.replace(",", "") for cell in row] for row in datatable[1:]]


@state("the profit of exchanges is {profit:Money}")
def profit_is(scene: ScenarioContext, profit: Money) -> None:
    """Check the profit in a currency."""
    amount, currency = profit
    assert scene.exchange_positions(currency)["profit"] == amount


@state("the loss from exchanges is {loss:Money}")
def loss_is(scene: ScenarioContext, loss: Money) -> None:
    """Check the loss in a currency."""
    amount, currency = loss
    assert scene.exchange_positions(currency)["profit"] == f"-{amount}"


@state("the profit of exchanges in {currency:w} is unknown")
def profit_unknown(scene: ScenarioContext, currency: str) -> None:
    """Check that there is no profit in a currency."""
    assert scene.exchange_positions(currency)["profit"] is None
