"""Steps about customers."""

from __future__ import annotations

from tekana.testing.steps.scenario_context import Request, ScenarioContext
from tekana.testing.steps.step_types import action, given, state, words


@given(words("{who:Person} is a customer"))
def is_a_customer(scene: ScenarioContext, who: str) -> None:
    """Register a customer."""
    scene.given(Request("register", None, scene.contact(who), scene.learn_customer(who)))


@given(words("{who:Person} is a customer with {money:Money}"))
def is_a_customer_with(scene: ScenarioContext, who: str, money: tuple[str, str]) -> None:
    """Register a customer and deposit money."""
    amount, currency = money
    details = {**scene.contact(who), "currency": currency}
    scene.given(Request("register", None, details, scene.learn_customer(who)))
    wallet = scene.wallet(f"{who}'s wallet")
    scene.given(Request("deposit", None, {"wallet_id": wallet, "amount": amount, "currency": currency}))


@given(words("{who:Person} is a merchant"))
def is_a_merchant(scene: ScenarioContext, who: str) -> None:
    """Register a customer, and change their wallet into a merchant's."""
    is_a_customer(scene, who)
    _make_merchant(scene, who)


@given(words("{who:Person} is a merchant with {money:Money}"))
def is_a_merchant_with(scene: ScenarioContext, who: str, money: tuple[str, str]) -> None:
    """Register a customer, deposit money, and change their wallet into a merchant's."""
    is_a_customer_with(scene, who, money)
    _make_merchant(scene, who)


def _make_merchant(scene: ScenarioContext, who: str) -> None:
    scene.given(Request("update_wallet", scene.wallet(f"{who}'s wallet"), {"kind": "merchant"}))


@action("{who:Person} registers")
def registers(scene: ScenarioContext, who: str) -> Request:
    """Register a customer."""
    return Request("register", None, scene.contact(who), scene.learn_customer(who))


@action('{who:Person} registers with the {field:Field} "{value:Text}"')
def registers_with(scene: ScenarioContext, who: str, field: str, value: str) -> Request:
    """Register a customer with one given detail."""
    return Request("register", None, {**scene.contact(who), field: value}, scene.learn_customer(who))


@action("{who:Person} registers with these details:")
def registers_with_details(scene: ScenarioContext, who: str, datatable: list[list[str]]) -> Request:
    """Register a customer with the given details."""
    details = {field.replace(" ", "_"): value for field, value in datatable}
    return Request("register", None, {**scene.contact(who), **details}, scene.learn_customer(who))


@given(words('{who:Person}\'s {field:Field} is "{value:Text}"'))
def has_the_detail(scene: ScenarioContext, who: str, field: str, value: str) -> None:
    """Update a detail of a customer."""
    scene.given(Request("update", scene.person(who), {field: value}))


@given(words("{office:Office} looks up {who:Person}"))
def looks_up(scene: ScenarioContext, office: str, who: str) -> None:
    """Read a customer, and store their version."""
    scene.seen[office, who] = scene.get("customers", scene.person(who))["version"]


@action('{office:Office} changes {who:Person}\'s {field:Field} to "{value:Text}"')
def changes(scene: ScenarioContext, office: str, who: str, field: str, value: str) -> Request:
    """Update a customer, with the version that was read before, if any."""
    details = {field: value}
    seen = scene.seen.get((office, who))
    return Request("update", scene.person(who), details if seen is None else {**details, "expected_version": seen})


@action('{who:Person} is verified as "{tier:Text}"')
def is_verified(scene: ScenarioContext, who: str, tier: str) -> Request:
    """Verify a customer."""
    return Request("verify", scene.person(who), {"tier": tier})


@action("{who:Person} is suspended")
def is_suspended(scene: ScenarioContext, who: str) -> Request:
    """Suspend a customer."""
    return Request("suspend", scene.person(who), {"reason": "a court order"})


@action("{who:Person} is reactivated")
def is_reactivated(scene: ScenarioContext, who: str) -> Request:
    """Reactivate a customer."""
    return Request("reactivate", scene.person(who), {})


@action("{who:Person} is closed as a customer")
def is_closed(scene: ScenarioContext, who: str) -> Request:
    """They leave."""
    return Request("close_customer", scene.person(who), {})


@action("{who:Person} is erased")
def is_erased(scene: ScenarioContext, who: str) -> Request:
    """Erase their personal data."""
    return Request("erase", scene.person(who), {})


@state("{who:Person} is {status:w}")
def customer_is(scene: ScenarioContext, who: str, status: str) -> None:
    """Check the status of a customer."""
    assert scene.get("customers", scene.person(who))["status"] == status


@state('{who:Person}\'s {field:Field} is "{value:Text}"')
def detail_is(scene: ScenarioContext, who: str, field: str, value: str) -> None:
    """Check a detail of a customer."""
    assert scene.get("customers", scene.person(who))[field] == value


@state("the export of {who:Person} has their name and {count:d} transaction")
@state("the export of {who:Person} has their name and {count:d} transactions")
def export_has(scene: ScenarioContext, who: str, count: int) -> None:
    """Check an export: the name, and of each transaction only the entries of the customer's wallets."""
    found = scene.get("exports", scene.person(who))
    assert found["customer"]["full_name"].startswith(who)
    assert len(found["transactions"]) == count
    own = {one["id"] for one in found["customer"]["wallets"]}
    assert {entry["wallet_id"] for one in found["transactions"] for entry in one["entries"]} <= own


@state("there is {count:d} customer")
@state("there are {count:d} customers")
def customers_there_are(scene: ScenarioContext, count: int) -> None:
    """Check the number of customers."""
    assert len(scene.find("customers")) == count
