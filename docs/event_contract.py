"""Writes docs/events from the event classes: a JSON Schema for each, and an AsyncAPI document; and their examples.

    python docs/event_contract.py           writes them, unless that would break those who consume events
    python docs/event_contract.py --check   writes nothing; exits 1 and says which one no longer matches the code

What would break them is in docs/compatibility.py. The examples go between two marks in docs/reference/events.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NewType, get_args, get_origin, get_type_hints
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "adapters")]  # this tree, whatever else is installed

from compatibility import Told, breaches  # noqa: E402 - found now that the path is set

from tekana.application.event_payload import AMOUNTS, OWN_FIELDS  # noqa: E402
from tekana.domain.events import EVENT_TYPES  # noqa: E402
from tekana.domain.money import Currency  # noqa: E402
from tekana.testing.sample_events import sample_events  # noqa: E402
from tekana_kafka.address import AGGREGATES, Address  # noqa: E402
from tekana_kafka.cloud_events import SOURCE, message_of  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "docs" / "events"
PAGE = ROOT / "docs" / "reference" / "events.md"
MARKS = ("<!-- begin: written by docs/event_contract.py -->", "<!-- end -->")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
TOPICS = {aggregate: Address(()).topic(aggregate) for aggregate in AGGREGATES}
MESSAGES = {type(event).__name__: message_of(event) for event in sample_events()}

MEANINGS = {
    "amount": "How much, in major units, with all the decimals of the currency.",
    "changed": "The names of the fields that changed; never what they hold.",
    "country": "ISO 3166-1 alpha-2 code of the country that the customer gave.",
    "currency": "ISO 4217 code.",
    "customer_id": "Whose wallet it is.",
    "from_wallet_id": "The wallet that the money leaves. A deposit comes from the operator's settlement wallet.",
    "ledger_balance_after": "What was in the wallet then, in major units. An operator's wallet may be below zero.",
    "reference": "The caller's own text, as it came.",
    "rejection_code": "Why it was refused: a code as in problems over HTTP.",
    "scope": "`debits`: no money leaves the wallet; `all`: none enters either.",
    "tier": "To what degree the customer is known.",
    "to_wallet_id": "The wallet that the money enters. A withdrawal goes to the operator's settlement wallet.",
    "transaction_id": "The transaction that the entry belongs to.",
    "transaction_type": "What kind of transaction it is.",
    "version": "Numbers the entries of the wallet: 1, 2, 3 … without a gap.",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/events and the examples in docs/reference/events.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check: bool = parser.parse_args().check
    written = dict(files())
    broken = breaches(contract_of(read_folder()), contract_of(written))
    for breach in broken:
        print(f"this would break those who consume events: {breach}")
    if broken:
        return 1
    stale = {path: new for path, new in written.items() if not path.exists() or path.read_text("utf-8") != new}
    for path, new in stale.items():
        name = path.relative_to(ROOT).as_posix()
        print(f"{name} is stale: run `python docs/event_contract.py`" if check else f"{name} is written")
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(new, "utf-8", newline="\n")
    return 1 if check and stale else 0


def files() -> Iterator[tuple[Path, str]]:
    """What each file should hold."""
    for name in EVENT_TYPES:
        yield FOLDER / f"{name}.json", json_text(schema_of(name))
    yield FOLDER / "asyncapi.json", json_text(asyncapi())
    if PAGE.exists():
        before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        yield PAGE, f"{before}{MARKS[0]}\n\n{examples()}\n{MARKS[1]}{after}"


def read_folder() -> dict[Path, str]:
    """The files as they are."""
    return {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")}


def contract_of(written: dict[Path, str]) -> dict[str, Told]:
    """What these files promise."""
    told = {path.stem: json.loads(text) for path, text in written.items() if path.suffix == ".json"}
    if "asyncapi" not in told:
        return {}
    components = told["asyncapi"]["components"]
    return {
        name: Told(channel["address"], components["schemas"]["Headers"], told.get(name, {}))
        for channel in told["asyncapi"]["channels"].values()
        for name in channel["messages"]
    }


def json_text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def sentence(name: str) -> str:
    """What the event means, from its class."""
    return re.sub(r"\s+", " ", EVENT_TYPES[name].__doc__ or "").strip()


# The schemas of the data.


def schema_of(name: str) -> dict[str, Any]:
    kind = EVENT_TYPES[name]
    hints = get_type_hints(kind)
    optional = {one.name for one in fields(kind) if one.default is not MISSING or one.default_factory is not MISSING}
    return {
        "$schema": DIALECT,
        "title": name,
        "description": sentence(name),
        "type": "object",
        "properties": {one: field_schema(one, hints[one]) for one in OWN_FIELDS[name]},
        "required": [one for one in OWN_FIELDS[name] if one not in optional],
        "examples": [json.loads(MESSAGES[name].value)],
    }


def field_schema(name: str, hint: Any) -> dict[str, Any]:
    if name in AMOUNTS:
        sign = "-?" if name == "ledger_balance_after" else ""
        return {"description": MEANINGS[name], "type": "string", "pattern": rf"^{sign}[0-9]+(\.[0-9]+)?$"}
    return {"description": MEANINGS[name], **type_schema(hint)}


def type_schema(hint: Any) -> dict[str, Any]:
    if hint is Currency:
        return {"type": "string", "pattern": "^[A-Z]{3}$"}
    if isinstance(hint, NewType):
        return type_schema(hint.__supertype__)
    if get_origin(hint) is Literal:
        return {"type": "string", "examples": list(get_args(hint))}
    if isinstance(hint, UnionType):
        [one] = [part for part in get_args(hint) if part is not NoneType]
        said = type_schema(one)
        return {**said, "type": [said["type"], "null"]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": type_schema(get_args(hint)[0])}
    plain: dict[Any, dict[str, Any]] = {
        UUID: {"type": "string", "format": "uuid"},
        str: {"type": "string"},
        int: {"type": "integer"},
    }
    return dict(plain[hint])


# The AsyncAPI document.

HEADERS: dict[str, dict[str, Any]] = {
    "ce_specversion": {"const": "1.0", "description": "The version of CloudEvents."},
    "ce_id": {"description": "The same each time the event is delivered: drop duplicates by it."},
    "ce_type": {"description": "The type of the event.", "examples": list(EVENT_TYPES)},
    "ce_source": {"const": SOURCE, "description": "Where it happened."},
    "ce_time": {"format": "date-time", "description": "When it happened, in UTC."},
    "ce_subject": {"format": "uuid", "description": "The customer, wallet or transaction that it happened to."},
    "ce_sequence": {
        "pattern": "^[0-9]{19}$",
        "description": "Numbers the events of the subject: 1, 2, 3 … without a gap, padded with zeros.",
    },
    "content-type": {"const": "application/json", "description": "What the data are."},
}


def asyncapi() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tekana: what happens",
            "version": "1.0.0",
            "description": "Every event of customers, wallets and money, as CloudEvents 1.0 in Kafka's binary mode. "
            "Events are delivered at least once, and those of one customer, wallet or transaction in the order of "
            "ce_sequence. The contract grows by addition only: ignore the events and fields that you do not know.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            aggregate: {
                "address": topic,
                "description": f"What happens to each {aggregate}. Another prefix than `tekana` can be set.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name, kind in EVENT_TYPES.items()
                    if kind.aggregate == aggregate
                },
            }
            for aggregate, topic in TOPICS.items()
        },
        "operations": {
            f"{aggregate}_events": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{aggregate}"},
                "summary": f"Tells what happened to a {aggregate}.",
            }
            for aggregate in TOPICS
        },
        "components": {
            "messages": {name: asyncapi_message(name) for name in EVENT_TYPES},
            "schemas": {
                "Headers": {
                    "type": "object",
                    "properties": {name: {"type": "string", **said} for name, said in HEADERS.items()},
                    "required": list(HEADERS),
                },
            },
        },
    }


def asyncapi_message(name: str) -> dict[str, Any]:
    example = MESSAGES[name]
    return {
        "name": name,
        "title": name,
        "summary": sentence(name),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{name}.json"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": "0.5.0"}},
        "examples": [
            {
                "headers": {header: value.decode() for header, value in sorted(example.headers)},
                "payload": json.loads(example.value),
            }
        ],
    }


# The examples in the page.


def examples() -> str:
    """One message of each type, as a consumer gets it."""
    return "\n".join(example(name) for name in EVENT_TYPES)


def example(name: str) -> str:
    message = MESSAGES[name]
    headers = "\n".join(f"{header}: {value.decode()}" for header, value in sorted(message.headers))
    value = json.dumps(json.loads(message.value), indent=2)
    return f"""### {name}

{sentence(name)} [Schema](../events/{name}.json)

```text
topic: {TOPICS[message.aggregate]}
key: {message.key.decode()}

{headers}
```

```json
{value}
```
"""


if __name__ == "__main__":
    raise SystemExit(main())
