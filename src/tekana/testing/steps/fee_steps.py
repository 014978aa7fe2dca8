"""Steps about fees. "The fee schedule" is the last one that was created."""

from __future__ import annotations

from typing import Any

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.identifiers import house_wallet_id
from tekana.domain.money import parse_currency
from tekana.testing.driver import Record, Refusal, Reply
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, state, then

Money = tuple[str, str]
Rows = list[list[str]]
Shares = list[tuple[str, str]]


@action("{types:Charged} in {currency:w} {cost:Cost} {price:Price}, paid by the {payer:w}")
def cost(scene: ScenarioContext, types: str, currency: str, cost: str, price: Record, payer: str) -> Request:  # noqa: ARG001
    """Create a fee schedule with one band."""
    return _schedule(scene, types, currency, payer, price)


@action("{types:Charged} in {currency:w} of customers of tier {tier:d} cost {price:Price}, paid by the {payer:w}")
def cost_of_tier(scene: ScenarioContext, types: str, currency: str, tier: int, price: Record, payer: str) -> Request:
    """Create a fee schedule for a tier."""
    return _schedule(scene, types, currency, payer, {**price, "tier": str(tier)})


@action("{types:Charged} in {currency:w} {cost:Cost} {price:Price}, paid by the {payer:w}, of which {shares:Shares}")
def cost_with_shares(
    scene: ScenarioContext,
    types: str,
    currency: str,
    cost: str,  # noqa: ARG001
    price: Record,
    payer: str,
    shares: Shares,
) -> Request:
    """Create a fee schedule with shares in the fee, for the tenant of the operator."""
    of_people = [{"wallet_id": scene.wallet(f"{who}'s wallet"), "percentage": percentage} for percentage, who in shares]
    return _schedule(scene, types, currency, payer, {**price, "shares": of_people, "tenant": MAIN_TENANT})


@action(
    "{types:Charged} in {currency:w} {cost:Cost} {price:Price}, paid by the {payer:w}, "
    "from {start:Moment} to {end:Moment}"
)
def cost_for_a_time(
    scene: ScenarioContext,
    types: str,
    currency: str,
    cost: str,  # noqa: ARG001
    price: Record,
    payer: str,
    start: str,
    end: str,
) -> Request:
    """Create a fee schedule for a time."""
    return _schedule(scene, types, currency, payer, {**price, "valid_from": start, "valid_until": end})


@action("{types:Charged} in {currency:w} {cost:Cost}, paid by the {payer:w}:")
def cost_by_band(
    scene: ScenarioContext,
    types: str,
    currency: str,
    cost: str,  # noqa: ARG001
    payer: str,
    datatable: Rows,
) -> Request:
    """Create a fee schedule with several bands."""
    [names, *rows] = datatable
    bands = [
        {name.replace(" ", "_"): value.replace(",", "") for name, value in zip(names, row, strict=True) if value}
        for row in rows
    ]
    return _schedule(scene, types, currency, payer, {"bands": bands})


@action("the fee schedule ends")
def ends(scene: ScenarioContext) -> Request:
    """End the last fee schedule."""
    return Request("end_fee_schedule", scene.fee_schedule_id, {})


@state("it has a fee of {fee:Money} and a tax of {tax:Money}, paid by the {payer:w}")
def has_fee(scene: ScenarioContext, fee: Money, tax: Money, payer: str) -> None:
    """Check the charge of the last transaction."""
    shown = _last(scene)
    assert tuple(shown.get(name) for name in ("fee", "tax", "fee_currency", "fee_paid_by")) == (
        *(fee[0], tax[0], fee[1], payer),
    )


@then("it has no fee")
def has_no_fee(scene: ScenarioContext) -> None:
    """Check that the last transaction has no charge."""
    assert "fee" not in _last(scene)


@state("the operator's {role:w} are {money:Money}")
def operators_are(scene: ScenarioContext, role: str, money: Money) -> None:
    """Check the balance of a house wallet."""
    shown = scene.get("wallets", str(house_wallet_id(role, parse_currency(money[1]))))
    assert (shown["ledger_balance"], shown["currency"]) == money


@state("the last entries of {wallet:Wallet} are debits of {one:Number}, {two:Number} and {three:Number} {currency:w}")
def last_debits(scene: ScenarioContext, wallet: str, one: str, two: str, three: str, currency: str) -> None:
    """Check the last entries of a wallet."""
    last = scene.entries(wallet)[-3:]
    assert [(each["direction"], each["amount"], each["currency"]) for each in last] == [
        ("debit", amount, currency) for amount in (one, two, three)
    ]


@action("{what:That} is reversed, and the fee is kept")
def reversed_and_kept(scene: ScenarioContext, what: str) -> Request:
    """Reverse all that is left, without the fee."""
    return _kept(scene, what, {})


@action("{money:Money} of {what:That} is reversed, and the fee is kept")
def partly_reversed_and_kept(scene: ScenarioContext, money: Money, what: str) -> Request:
    """Reverse a part, without the fee."""
    return _kept(scene, what, {"amount": money[0]})


def _kept(scene: ScenarioContext, what: str, details: dict[str, Any]) -> Request:
    return Request("reverse", scene.moved[what], {**details, "keep_fees": True})


def _schedule(scene: ScenarioContext, types: str, currency: str, payer: str, price: Record) -> Request:
    details = {"transaction_type": types, "currency": currency, "paid_by": payer, **price}
    return Request("create_fee_schedule", None, details, scene.learn_fee_schedule)


def _last(scene: ScenarioContext) -> Record:
    outcome = scene.last.outcome
    assert not isinstance(outcome, Refusal), f"it was refused: {outcome}"
    assert isinstance(outcome, Reply)
    return outcome.record
