"""The golden file: what is stored for ever, and what clients, consumers and services build on, as it was first written.

    uv run --extra testing python -m tests.unit.golden_rows

adds rows for commands, errors, events and types of transactions that have none yet. It never changes a row: one that no
longer matches the code is a contract that was broken.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from tekana.application.commands import COMMANDS, MONEY_COMMANDS
from tekana.application.engine.decide import fingerprint
from tekana.domain import errors
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.testing.sample_events import sample_events
from tekana_kafka.service_table import TOPIC_OF
from tekana_postgres.rows import write_json

FILE: Final = Path(__file__).with_name("golden_rows.json")
GOLDEN: Final[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))


def declared(name: str) -> dict[str, str]:
    """Return what a command declares. Fields that may be left out end in ?."""
    kind: Any = COMMANDS[name]
    return {
        "topic": TOPIC_OF[kind],
        "scope": kind.SCOPE,
        "fields": " ".join(f"{one.name}{'' if one.required else '?'}" for one in msgspec.structs.fields(kind)),
        "ids": " ".join(kind.IDS),
        "refusals": " ".join(sorted(refusal.NAME for refusal in kind.REFUSALS)),
    }


def transaction_type(name: str) -> dict[str, str]:
    """Return the command and the event of a type of transaction, by their stable names."""
    follow_ups = {kind.TYPE: kind for kind in COMMANDS.values() if hasattr(kind, "TYPE")}
    return {"command": {**MONEY_COMMANDS, **follow_ups}[name].NAME, "event": TRANSACTION_TYPES[name].event.NAME}


def codes() -> dict[str, str]:
    """Return the code of each class of errors. Clients program against these."""
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    return {name: kind.code for name, kind in kinds.items() if issubclass(kind, errors.TekanaError)}


def example(name: str) -> dict[str, Any]:
    """Return the example of a command, with identifiers that a client writes in the path."""
    kind: Any = COMMANDS[name]
    return {**dict.fromkeys(kind.IDS, "0198d2a0-0000-7000-8000-000000000002"), **kind.EXAMPLE}


def add_missing() -> None:
    """Add what has no row yet."""
    for name, kind in COMMANDS.items():
        body = GOLDEN["commands"].setdefault(name, example(name))
        GOLDEN["fingerprints"].setdefault(name, fingerprint(name, msgspec.convert(body, kind)))
        GOLDEN["declared"].setdefault(name, declared(name))
    for name in TRANSACTION_TYPES:
        GOLDEN["transaction_types"].setdefault(name, transaction_type(name))
    for name, code in codes().items():
        GOLDEN["codes"].setdefault(name, code)
    present = {name for name, _ in GOLDEN["events"]}
    GOLDEN["events"] += [[one.NAME, write_json(one)] for one in sample_events() if one.NAME not in present]
    FILE.write_text(json.dumps(GOLDEN, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    add_missing()
