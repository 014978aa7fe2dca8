"""Permanently stored rows of each release are read unchanged by later releases.

A change that fails one of these tests breaks every ledger in use. Add rows for new types; never change a row.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tekana.application.commands import COMMANDS
from tekana.application.engine.decide import fingerprint
from tekana.domain.events import EVENT_TYPES
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana_postgres.rows import answer_json, event_of, record_of, write_json

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden_rows.json").read_text())


@pytest.mark.parametrize("name", GOLDEN["fingerprints"])
def test_fingerprints_never_change(name: str) -> None:
    assert fingerprint(name, msgspec.convert(GOLDEN["commands"][name], COMMANDS[name])) == GOLDEN["fingerprints"][name]


@pytest.mark.parametrize("row", GOLDEN["events"], ids=lambda row: row[0])
def test_events_are_read_and_written_as_they_were(row: list[str]) -> None:
    name, text = row
    event = event_of(name, text)
    assert (event.NAME, write_json(event)) == (name, text)


@pytest.mark.parametrize("text", GOLDEN["answers"], ids=lambda text: text.partition(",")[0])
def test_answers_are_read_and_written_as_they_were(text: str) -> None:
    answer = record_of(0, None, text).answer
    assert answer_json(answer) == text  # type: ignore[arg-type]


def test_every_command_event_and_answer_has_a_row() -> None:
    assert GOLDEN["fingerprints"].keys() == COMMANDS.keys()
    assert {name for name, _ in GOLDEN["events"]} == EVENT_TYPES.keys()
    assert {json.loads(text)[0] for text in GOLDEN["answers"]} == {
        *("Wallet", "CustomerWithWallets", "Rejection", "Batched", "ConfiguredWebhook"),
    }
    assert set(GOLDEN["transaction_types"]) == TRANSACTION_TYPES.keys()
