"""Permanently stored rows of each release are read unchanged by later releases.

A change that fails one of these tests breaks every ledger in use, or clients and consumers. Add rows for new types
(`python -m tests.unit.golden_rows`); never change a row.
"""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import msgspec
import pytest

from tekana.application.commands import COMMANDS, MONEY_COMMANDS
from tekana.application.engine.decide import fingerprint
from tekana.domain.answers import ANSWERS, Answer
from tekana.domain.events import EVENT_TYPES
from tekana.domain.transaction import TRANSACTION_TYPES, Transaction
from tekana_postgres.rows import answer_json, event_of, record_of, write_json
from tests.unit import golden_rows
from tests.unit.golden_rows import GOLDEN


@pytest.mark.parametrize("name", GOLDEN["fingerprints"])
def test_fingerprints_never_change(name: str) -> None:
    assert fingerprint(name, msgspec.convert(GOLDEN["commands"][name], COMMANDS[name])) == GOLDEN["fingerprints"][name]


@pytest.mark.parametrize("name", GOLDEN["declared"])
def test_commands_declare_what_they_declared(name: str) -> None:
    """The topic, the scope, the fields, the identifiers and the refusals of each, by stable names."""
    assert golden_rows.declared(name) == GOLDEN["declared"][name]


@pytest.mark.parametrize("name", GOLDEN["transaction_types"])
def test_types_of_transactions_keep_their_command_and_event(name: str) -> None:
    assert golden_rows.transaction_type(name) == GOLDEN["transaction_types"][name]


@pytest.mark.parametrize("row", GOLDEN["events"], ids=lambda row: row[0])
def test_events_are_read_and_written_as_they_were(row: list[str]) -> None:
    name, text = row
    event = event_of(name, text)
    assert (event.NAME, write_json(event)) == (name, text)


@pytest.mark.parametrize("text", GOLDEN["answers"], ids=lambda text: text.partition(",")[0])
def test_answers_are_read_and_written_as_they_were(text: str) -> None:
    """Fields may be added, which older versions ignore."""
    answer: Any = record_of(0, None, text).answer
    assert has_all_of(json.loads(answer_json(answer)), json.loads(text))


def has_all_of(new: Any, old: Any) -> bool:
    """Return whether a value of JSON has all that an older one has, and where it is a list or scalar, no more."""
    if isinstance(old, dict):
        return all(name in new and has_all_of(new[name], value) for name, value in old.items())
    if isinstance(old, list):
        return len(new) == len(old) and all(map(has_all_of, new, old))
    return bool(new == old)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_answer_of_every_command_can_be_stored(name: str) -> None:
    """Type checkers accept any class as an answer. One that executes another command has the answer of that."""
    answer: Any = get_type_hints(COMMANDS[name].decide)["return"]
    if answer == Answer:
        return
    stored = ANSWERS[answer]
    assert stored.name or stored.reference or answer is Transaction


def test_every_command_event_and_answer_has_a_row() -> None:
    """`python -m tests.unit.golden_rows` adds missing rows."""
    for part in ("commands", "fingerprints", "declared"):
        assert GOLDEN[part].keys() == COMMANDS.keys()
    assert {name for name, _ in GOLDEN["events"]} == EVENT_TYPES.keys()
    assert {json.loads(text)[0] for text in GOLDEN["answers"]} == {one.name for one in ANSWERS.values() if one.name}
    assert GOLDEN["transaction_types"].keys() == TRANSACTION_TYPES.keys()
    assert {one["command"] for one in GOLDEN["transaction_types"].values()} >= {
        kind.NAME for kind in MONEY_COMMANDS.values()
    }
