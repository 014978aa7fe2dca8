"""Steps about events."""

from __future__ import annotations

import json

from tekana.testing.driver import Record
from tekana.testing.steps.scenario_context import ScenarioContext
from tekana.testing.steps.step_types import event_type, state, then, words

Table = list[list[str]]


@then(words("the events of {wallet:Wallet} are:"))
def happened_to(scene: ScenarioContext, wallet: str, datatable: Table) -> None:
    """Check the events of a wallet, in order."""
    assert rows_of(scene.events(), scene.wallet(wallet)) == expected(datatable)


@then(words('the events with the reference "{reference:Text}" are:'))
def happened_under(scene: ScenarioContext, reference: str, datatable: Table) -> None:
    """Check the events of the transactions with this reference, in order."""
    found = [_row(event) for event in scene.events() if event["data"].get("reference") == reference]
    assert found == expected(datatable)


@state("no event contains the name or contacts of {who:Person}")
def has_no_personal_data(scene: ScenarioContext, who: str) -> None:
    """Check that no event of the customer contains their name or contacts."""
    customer = scene.get("customers", scene.person(who))
    events = [event for event in scene.events() if event["aggregate_id"] == customer["id"]]
    assert events
    for detail in ("full_name", "email", "phone_number"):
        assert customer[detail] not in json.dumps(scene.events(), ensure_ascii=False)


def rows_of(events: list[Record], aggregate_id: str) -> Table:
    """Return the events of a wallet or a transaction as a table: sequence, type and amount."""
    return [_row(event) for event in events if event["aggregate_id"] == aggregate_id]


def expected(datatable: Table) -> Table:
    """Return a table of a feature in the form of `rows_of`."""
    return [[number, event_type(what), money.replace(",", "")] for number, what, money in datatable[1:]]


def _row(event: Record) -> list[str]:
    data = event["data"]
    money = f"{data['amount']} {data['currency']}" if "amount" in data else ""
    return [str(event["sequence"]), event["type"], money]
