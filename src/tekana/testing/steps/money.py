"""Steps about money."""

from __future__ import annotations

from datetime import datetime, timedelta

from tekana.testing.builders import movement_fields
from tekana.testing.driver import Refusal
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, given, when, words

Money = tuple[str, str]


@given(words("it is {at:Moment}"))
def it_is(scene: ScenarioContext, at: str) -> None:
    """Set the clock, in UTC."""
    scene.world.clock.set(datetime.fromisoformat(at))


@when("a day passes")
def a_day_passes(scene: ScenarioContext) -> None:
    """Advance the clock by a day."""
    scene.world.clock.advance(timedelta(days=1))


@action("{money:Money} is deposited into {wallet:Wallet}")
def deposited(scene: ScenarioContext, money: Money, wallet: str) -> Request:
    """Deposit money."""
    return made_with(scene, "deposit", money, wallet)


@action("{money:Money} is withdrawn from {wallet:Wallet}")
def withdrawn(scene: ScenarioContext, money: Money, wallet: str) -> Request:
    """Withdraw money."""
    return made_with(scene, "withdrawal", money, wallet)


@action("{money:Money} is transferred from {one:Wallet} to {other:Wallet}")
def transferred(scene: ScenarioContext, money: Money, one: str, other: str) -> Request:
    """Transfer money."""
    return made(scene, "transfer", money, one, other)


@action("{type_:TransactionType} of {money:Money} is made from {one:Wallet} to {other:Wallet}")
def made(scene: ScenarioContext, type_: str, money: Money, one: str, other: str) -> Request:
    """Make a transaction of any type between two wallets: `a payment of 5 RWF is made from …`."""
    return Request(type_, None, movement_fields(type_, scene.wallet(one), scene.wallet(other), *money))


@action(
    "{type_:TransactionType} of {money:Money} is made from {one:Wallet} to {other:Wallet} "
    'with the reference "{reference:Text}"'
)
def made_as(scene: ScenarioContext, type_: str, money: Money, one: str, other: str, reference: str) -> Request:
    """Make a transaction of any type between two wallets, with a reference."""
    return _named(made(scene, type_, money, one, other), reference)


@action("{type_:TransactionType} of {money:Money} is made with {wallet:Wallet}")
def made_with(scene: ScenarioContext, type_: str, money: Money, wallet: str) -> Request:
    """Make a transaction of any type between a customer's wallet and a house wallet."""
    return made(scene, type_, money, wallet, wallet)


@action('{money:Money} is deposited into {wallet:Wallet} with the reference "{reference:Text}"')
def deposited_as(scene: ScenarioContext, money: Money, wallet: str, reference: str) -> Request:
    """Deposit money with a reference."""
    return _named(deposited(scene, money, wallet), reference)


@action('{money:Money} is withdrawn from {wallet:Wallet} with the reference "{reference:Text}"')
def withdrawn_as(scene: ScenarioContext, money: Money, wallet: str, reference: str) -> Request:
    """Withdraw money with a reference."""
    return _named(withdrawn(scene, money, wallet), reference)


@action('{money:Money} is transferred from {one:Wallet} to {other:Wallet} with the reference "{reference:Text}"')
def transferred_as(scene: ScenarioContext, money: Money, one: str, other: str, reference: str) -> Request:
    """Transfer money with a reference."""
    return _named(transferred(scene, money, one, other), reference)


@given(words('{money:Money} was refused to be withdrawn from {wallet:Wallet} with the reference "{reference:Text}"'))
def was_refused(scene: ScenarioContext, money: Money, wallet: str, reference: str) -> None:
    """Record a refused withdrawal."""
    scene.when(withdrawn_as(scene, money, wallet, reference))
    outcome = scene.last.outcome
    assert isinstance(outcome, Refusal)
    assert outcome.code == "insufficient_funds"


@action('the amount "{amount:Text}" in {currency:w} is deposited into {wallet:Wallet}')
def amount_deposited(scene: ScenarioContext, amount: str, currency: str, wallet: str) -> Request:
    """Deposit an amount given as text."""
    return made_with(scene, "deposit", (amount, currency), wallet)


@when(words("{money:Money} is deposited into {wallet:Wallet} {times:d} times"))
def deposited_often(scene: ScenarioContext, money: Money, wallet: str, times: int) -> None:
    """Deposit the same amount several times."""
    for _ in range(times):
        scene.given(deposited(scene, money, wallet))


@when(words("{money:Money} is withdrawn from {wallet:Wallet} by {people:d} people at once"))
def withdrawn_by_many(scene: ScenarioContext, money: Money, wallet: str, people: int) -> None:
    """Withdraw money several times, concurrently."""
    scene.at_once([withdrawn(scene, money, wallet)] * people)


@when(words("{one:Person} and {other:Person} pay each other {money:Money} {times:d} times at once"))
def pay_each_other(scene: ScenarioContext, one: str, other: str, money: Money, times: int) -> None:
    """Transfer money in both directions, concurrently."""
    wallets = f"{one}'s wallet", f"{other}'s wallet"
    both_ways = [transferred(scene, money, *wallets), transferred(scene, money, *reversed(wallets))]
    scene.at_once(both_ways * times)


@when("the same request is sent again")
def again(scene: ScenarioContext) -> None:
    """Repeat the last request."""
    scene.again()


@when(words('the same request is sent again, but with the {field:Field} "{value:Text}"'))
def again_with(scene: ScenarioContext, field: str, value: str) -> None:
    """Repeat the last request with another value of a field."""
    scene.again(**{field: value})


@when(words("the same request is sent {times:d} times at once"))
def again_and_again(scene: ScenarioContext, times: int) -> None:
    """Repeat the last request several times, concurrently."""
    scene.at_once([scene.last.request] * times, scene.last.key)


def _named(request: Request, reference: str) -> Request:
    return request._replace(details={**request.details, "reference": reference})
