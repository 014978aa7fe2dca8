"""Steps about wallets."""

from __future__ import annotations

from decimal import Decimal

from tekana.domain.identifiers import house_wallet_id
from tekana.domain.money import parse_currency
from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, given, state, words


@given(words("{who:Person} has a {label:w} wallet in {currency:w}"))
def has_a_wallet(scene: ScenarioContext, who: str, label: str, currency: str) -> None:
    """Open an empty wallet."""
    scene.given(opens(scene, currency, label, who))


@given(words("{who:Person} has a {label:w} wallet with {money:Money}"))
def has_a_wallet_with(scene: ScenarioContext, who: str, label: str, money: tuple[str, str]) -> None:
    """Open a wallet and deposit money."""
    amount, currency = money
    scene.given(opens(scene, currency, label, who))
    wallet = scene.wallet(f"{who}'s {label} wallet")
    scene.given(Request("deposit", None, {"wallet_id": wallet, "amount": amount, "currency": currency}))


@action('a wallet in {currency:w} named "{label:Text}" is opened for {who:Person}')
def opens(scene: ScenarioContext, currency: str, label: str, who: str) -> Request:
    """Open another wallet."""
    details = {"customer_id": scene.person(who), "currency": currency, "name": label}
    return Request("open_wallet", None, details, scene.learn_wallet(who, label))


@action("{wallet:Wallet} is changed into a {kind:w} wallet")
def is_changed_into(scene: ScenarioContext, wallet: str, kind: str) -> Request:
    """Change the kind of a wallet."""
    return Request("update_wallet", scene.wallet(wallet), {"kind": kind})


@action('{wallet:Wallet} is renamed "{name:Text}"')
def is_renamed(scene: ScenarioContext, wallet: str, name: str) -> Request:
    """Change the name of a wallet."""
    return Request("update_wallet", scene.wallet(wallet), {"name": name})


@state('{wallet:Wallet} is named "{name:Text}"')
def is_named(scene: ScenarioContext, wallet: str, name: str) -> None:
    """Check the name of a wallet."""
    assert scene.get("wallets", scene.wallet(wallet))["name"] == name


@action("{wallet:Wallet} is frozen for {scope:Scope}")
def is_frozen(scene: ScenarioContext, wallet: str, scope: str) -> Request:
    """Freeze a wallet."""
    return Request("freeze", scene.wallet(wallet), {"scope": scope, "reason": "a lost phone"})


@action("{wallet:Wallet} is unfrozen")
def is_unfrozen(scene: ScenarioContext, wallet: str) -> Request:
    """Unfreeze a wallet."""
    return Request("unfreeze", scene.wallet(wallet), {})


@action("{wallet:Wallet} is closed")
def is_closed(scene: ScenarioContext, wallet: str) -> Request:
    """Close a wallet."""
    return Request("close_wallet", scene.wallet(wallet), {})


@action('a {kind:w} wallet in {currency:w} named "{label:Text}" is opened for {who:Person}')
def opens_of_kind(scene: ScenarioContext, kind: str, currency: str, label: str, who: str) -> Request:
    """Open another wallet of a kind."""
    request = opens(scene, currency, label, who)
    return request._replace(details={**request.details, "kind": kind})


@state("{wallet:Wallet} is a {kind:w} wallet")
def is_of_kind(scene: ScenarioContext, wallet: str, kind: str) -> None:
    """Check the kind of a wallet."""
    assert scene.get("wallets", scene.wallet(wallet))["kind"] == kind


@state("{wallet:Wallet} is {status:w}")
def wallet_is(scene: ScenarioContext, wallet: str, status: str) -> None:
    """Check the status of a wallet."""
    assert scene.get("wallets", scene.wallet(wallet))["status"] == status


@state("{wallet:Wallet} holds {money:Money}")
def holds(scene: ScenarioContext, wallet: str, money: tuple[str, str]) -> None:
    """Check the ledger and available balance of a wallet."""
    shown = scene.get("wallets", scene.wallet(wallet))
    assert (shown["ledger_balance"], shown["currency"]) == money
    assert shown["available_balance"] == shown["ledger_balance"]


@state("the world outside holds {money:Money}")
def outside_holds(scene: ScenarioContext, money: tuple[str, str]) -> None:
    """Check the balance of the settlement wallet."""
    amount, currency = money
    shown = scene.get("wallets", str(house_wallet_id("settlement", parse_currency(currency))))
    assert (shown["ledger_balance"], shown["currency"]) == (amount, currency)


@state("all wallets in {currency:w}, with the world outside, sum to zero")
def sum_to_zero(scene: ScenarioContext, currency: str) -> None:
    """Check that all balances of a currency sum to zero."""
    balances = [Decimal(wallet["ledger_balance"]) for wallet in scene.find("wallets", currency=currency)]
    assert balances
    assert sum(balances) == 0


@state("{who:Person} has {count:d} wallet")
@state("{who:Person} has {count:d} wallets")
def wallets_there_are(scene: ScenarioContext, who: str, count: int) -> None:
    """Check the number of wallets of a customer."""
    customer = scene.get("customers", scene.person(who))
    assert len(customer["wallets"]) == count
    assert scene.find("wallets", customer_id=customer["id"]) == customer["wallets"]


@state("{wallet:Wallet} held {money:Money} at {at:Moment}")
def held_at(scene: ScenarioContext, wallet: str, money: tuple[str, str], at: str) -> None:
    """Check the balance of a wallet at a time."""
    assert scene.balance_at(wallet, at)["ledger_balance"] == money[0]
