"""The check of event schemas reports every change that breaks consumers, and no other change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from docs.compatibility import EventContract, breaches

Contract = dict[str, Any]

DATA = {
    "type": "object",
    "properties": {
        "amount": {"type": "string", "pattern": "^[0-9]+$", "description": "How much."},
        "country": {"type": ["string", "null"]},
        "changed": {"type": "array", "items": {"type": "string"}},
        "kind": {"type": "string", "examples": ["one", "two"]},
    },
    "required": ["amount", "changed", "kind"],
}
HEADERS = {"type": "object", "properties": {"ce_id": {"type": "string"}}, "required": ["ce_id"]}


def contract() -> Contract:
    return {name: EventContract("news", copy.deepcopy(HEADERS), copy.deepcopy(DATA)) for name in ("Opened", "Closed")}


def opened(new: Contract) -> Contract:
    """Return the data schema of one event, to be changed."""
    data: Contract = new["Opened"].data
    return data


def test_an_unchanged_contract_is_compatible() -> None:
    assert breaches(contract(), contract()) == []
    assert breaches({}, contract()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda new: new.pop("Opened"), "Opened is gone"),
        (lambda new: new.update(Opened=new["Opened"]._replace(topic="other")), "Opened moved from news to other"),
        (lambda new: opened(new)["properties"].pop("country"), "Opened: country is gone"),
        (
            lambda new: opened(new)["properties"].update(price=opened(new)["properties"].pop("amount")),
            "Opened: amount is gone",
        ),
        (
            lambda new: opened(new)["properties"]["amount"].update(type="number"),
            "Opened: amount is no longer what it was",
        ),
        (
            lambda new: opened(new)["properties"]["amount"].update(type=["string", "null"]),
            "Opened: amount is no longer",
        ),
        (lambda new: opened(new)["properties"]["amount"].pop("pattern"), "Opened: amount is no longer what it was"),
        (
            lambda new: opened(new)["properties"]["changed"]["items"].update(type="integer"),
            "Opened: changed is no longer",
        ),
        (lambda new: opened(new)["properties"]["kind"].update(enum=["one"]), "Opened: kind is no longer what it was"),
        (lambda new: opened(new)["required"].remove("amount"), "Opened: amount used to come always"),
        (lambda new: opened(new)["required"].append("country"), "Opened: country is required, and what was published"),
        (
            lambda new: (
                opened(new)["properties"].update(new={"type": "string"}),
                opened(new)["required"].append("new"),
            ),
            "Opened: new is required, and what was published before lacks it",
        ),
        (lambda new: opened(new).update(type="array"), "Opened: the whole is no longer what it was"),
        (lambda new: opened(new).update(additionalProperties=False), "Opened: the whole is no longer what it was"),
        (lambda new: new["Opened"].headers["properties"].pop("ce_id"), "a header of Opened: ce_id is gone"),
    ],
)
def test_a_breaking_change_is_reported(change: Callable[[Contract], object], message: str) -> None:
    new = contract()
    change(new)
    [first, *_] = breaches(contract(), new)
    assert first.startswith(message)


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new.update(Merged=new["Opened"]),
        lambda new: opened(new)["properties"].update(new={"type": "string"}),
        lambda new: opened(new)["properties"]["amount"].update(description="How much it was."),
        lambda new: opened(new)["properties"]["kind"].update(examples=["one", "two", "three"]),
        lambda new: opened(new).update(title="Opened", description="It was opened."),
        lambda new: new["Opened"].headers["properties"].update(ce_new={"type": "string"}),
    ],
)
def test_an_addition_is_compatible(change: Callable[[Contract], object]) -> None:
    new = contract()
    change(new)
    assert breaches(contract(), new) == []
