"""What happens to money."""

from __future__ import annotations

from datetime import datetime, timedelta

from tekana.testing.driver import MoneyVerb, Refusal
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, given, when, words

Money = tuple[str, str]


@given(words("it is {at:Moment}"))
def it_is(scene: ScenarioContext, at: str) -> None:
    """Time goes on to this moment, in UTC."""
    scene.world.clock.set(datetime.fromisoformat(at))


@when("a day passes")
def a_day_passes(scene: ScenarioContext) -> None:
    """What is due within a day is due now."""
    scene.world.clock.advance(timedelta(days=1))


@action("{money:Money} is deposited into {wallet:Wallet}")
def deposited(scene: ScenarioContext, money: Money, wallet: str) -> Request:
    """Money comes in from the world outside."""
    return _movement(scene, "deposit", money, wallet)


@action("{money:Money} is withdrawn from {wallet:Wallet}")
def withdrawn(scene: ScenarioContext, money: Money, wallet: str) -> Request:
    """Money goes out to the world outside."""
    return _movement(scene, "withdrawal", money, wallet)


@action("{money:Money} is transferred from {one:Wallet} to {other:Wallet}")
def transferred(scene: ScenarioContext, money: Money, one: str, other: str) -> Request:
    """Money goes from wallet to wallet."""
    amount, currency = money
    source, target = scene.wallet(one), scene.wallet(other)
    details = {"from_wallet_id": source, "to_wallet_id": target, "amount": amount, "currency": currency}
    return Request("transfer", None, details)


@action("{money:Money} is paid from {one:Wallet} to {other:Wallet}")
def paid(scene: ScenarioContext, money: Money, one: str, other: str) -> Request:
    """A customer pays another one for goods."""
    return transferred(scene, money, one, other)._replace(verb="payment")


@action('{money:Money} is paid from {one:Wallet} to {other:Wallet} with the reference "{reference:Text}"')
def paid_as(scene: ScenarioContext, money: Money, one: str, other: str, reference: str) -> Request:
    """A customer pays another one for goods, under a name."""
    return _named(paid(scene, money, one, other), reference)


@action('{money:Money} is deposited into {wallet:Wallet} with the reference "{reference:Text}"')
def deposited_as(scene: ScenarioContext, money: Money, wallet: str, reference: str) -> Request:
    """Money comes in, under a name."""
    return _named(deposited(scene, money, wallet), reference)


@action('{money:Money} is withdrawn from {wallet:Wallet} with the reference "{reference:Text}"')
def withdrawn_as(scene: ScenarioContext, money: Money, wallet: str, reference: str) -> Request:
    """Money goes out, under a name."""
    return _named(withdrawn(scene, money, wallet), reference)


@action('{money:Money} is transferred from {one:Wallet} to {other:Wallet} with the reference "{reference:Text}"')
def transferred_as(scene: ScenarioContext, money: Money, one: str, other: str, reference: str) -> Request:
    """Money goes from wallet to wallet, under a name."""
    return _named(transferred(scene, money, one, other), reference)


@given(words('{money:Money} was refused to be withdrawn from {wallet:Wallet} with the reference "{reference:Text}"'))
def was_refused(scene: ScenarioContext, money: Money, wallet: str, reference: str) -> None:
    """Somebody wanted more than there was."""
    scene.when(withdrawn_as(scene, money, wallet, reference))
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal)
    assert outcome.code == "insufficient_funds"


@action('the amount "{amount:Text}" in {currency:w} is deposited into {wallet:Wallet}')
def amount_deposited(scene: ScenarioContext, amount: str, currency: str, wallet: str) -> Request:
    """Somebody typed an amount."""
    return _movement(scene, "deposit", (amount, currency), wallet)


@when(words("{money:Money} is deposited into {wallet:Wallet} {times:d} times"))
def deposited_often(scene: ScenarioContext, money: Money, wallet: str, times: int) -> None:
    """The same amount, again and again."""
    for _ in range(times):
        scene.given(deposited(scene, money, wallet))


@when(words("{money:Money} is withdrawn from {wallet:Wallet} by {people:d} people at once"))
def withdrawn_by_many(scene: ScenarioContext, money: Money, wallet: str, people: int) -> None:
    """Many want the same money at the same moment."""
    scene.at_once([withdrawn(scene, money, wallet)] * people)


@when(words("{one:Person} and {other:Person} pay each other {money:Money} {times:d} times at once"))
def pay_each_other(scene: ScenarioContext, one: str, other: str, money: Money, times: int) -> None:
    """Money goes both ways at the same moment."""
    wallets = f"{one}'s wallet", f"{other}'s wallet"
    both_ways = [transferred(scene, money, *wallets), transferred(scene, money, *reversed(wallets))]
    scene.at_once(both_ways * times)


@when("the same request is sent again")
def again(scene: ScenarioContext) -> None:
    """The sender does not know whether it arrived."""
    scene.again()


@when(words('the same request is sent again, but with the {field:Field} "{value:Text}"'))
def again_with(scene: ScenarioContext, field: str, value: str) -> None:
    """The sender does not mean the same."""
    scene.again(**{field: value})


@when(words("the same request is sent {times:d} times at once"))
def again_and_again(scene: ScenarioContext, times: int) -> None:
    """The sender is nervous."""
    scene.at_once([scene.last.request] * times, scene.last.key)


def _movement(scene: ScenarioContext, verb: MoneyVerb, money: Money, wallet: str) -> Request:
    amount, currency = money
    details = {"wallet_id": scene.wallet(wallet), "amount": amount, "currency": currency}
    return Request(verb, None, details)


def _named(request: Request, reference: str) -> Request:
    return request._replace(details={**request.details, "reference": reference})
