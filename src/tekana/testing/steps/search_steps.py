"""Steps about searches and histories."""

from __future__ import annotations

from tekana.testing.steps.scenario_context import ScenarioContext
from tekana.testing.steps.step_types import moment, state, then, when, words

Table = list[list[str]]


@when(words('I search customers by {detail} "{value:Text}"'))
def look_for_customers(scene: ScenarioContext, detail: str, value: str) -> None:
    """Search customers by one filter."""
    found = scene.find("customers", **{detail.replace(" ", "_"): value})
    scene.found = [customer["full_name"] for customer in found]


@when(words('I search transactions by {detail:w} "{value:Text}"'))
def look_for_transactions(scene: ScenarioContext, detail: str, value: str) -> None:
    """Search transactions by one filter."""
    _look(scene, {detail: value})


@when("I search transactions by these details:")
def look_for_transactions_by(scene: ScenarioContext, datatable: Table) -> None:
    """Search transactions by several filters."""
    _look(scene, dict(datatable))


@state('I find "{names:Text}"')
def i_find(scene: ScenarioContext, names: str) -> None:
    """Check the references found, and their order."""
    assert scene.found == [name.strip() for name in names.split(",") if name.strip()]


@state('the attempt with the reference "{reference:Text}" is on record as refused: {reason:Reason}')
def on_record(scene: ScenarioContext, reference: str, reason: str) -> None:
    """Check that the only transaction with this reference is a rejected one, with the reason and without entries."""
    [found] = scene.find("transactions", reference=reference)
    assert (found["status"], found["rejection_code"]) == ("rejected", reason)
    assert list(found["entries"]) == []
    assert scene.get("transactions", found["id"]) == found


@state("there is {count:d} transaction")
@state("there are {count:d} transactions")
def transactions_there_are(scene: ScenarioContext, count: int) -> None:
    """Check the number of transactions, posted or rejected."""
    assert len(scene.find("transactions")) == count


@then(words("the history of {wallet:Wallet} is:"))
def history_is(scene: ScenarioContext, wallet: str, datatable: Table) -> None:
    """Check the entries of a wallet."""
    shown = [
        [
            str(entry["version"]),
            entry["type"],
            {"credit": "in", "debit": "out"}[entry["direction"]],
            entry["amount"],
            entry["ledger_balance_after"],
        ]
        for entry in scene.entries(wallet)
    ]
    assert shown == [[cell.replace(",", "") for cell in row] for row in datatable[1:]]


@state("the history of {wallet:Wallet} has {count:d} entries, each with {money:Money} more")
def history_grows(scene: ScenarioContext, wallet: str, count: int, money: tuple[str, str]) -> None:
    """Check the number, order and amounts of the entries of a wallet."""
    lines = scene.entries(wallet)
    assert [line["version"] for line in lines] == list(range(1, count + 1))
    assert {line["amount"] for line in lines} <= {money[0]}
    assert [line["ledger_balance_after"] for line in lines] == [str(n * int(money[0])) for n in range(1, count + 1)]


def _look(scene: ScenarioContext, details: dict[str, str]) -> None:
    which: dict[str, str] = {}
    for detail, value in details.items():
        match detail:
            case "wallet":
                which["wallet_id"] = scene.wallet(value)
            case "customer":
                which["customer_id"] = scene.person(value)
            case "from" | "to":
                which[detail] = moment(value)
            case "least":
                which["amount_min"] = value
            case "most":
                which["amount_max"] = value
            case _:
                which[detail] = value
    scene.found = [transaction["reference"] for transaction in scene.find("transactions", **which)]
