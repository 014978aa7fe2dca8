"""Writes docs/events from the event classes: a JSON Schema for each, and an AsyncAPI document; and their examples.

    python docs/event_contract.py           writes them, unless that would break those who consume events
    python docs/event_contract.py --check   writes nothing; exits 1 and says which one no longer matches the code

What would break them is in docs/compatibility.py. The examples go between two marks in docs/reference/events.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "adapters")]  # this tree, whatever else is installed

from compatibility import EventContract, breaches  # noqa: E402 - found now that the path is set

from tekana.application.event_schema import event_data_schema, event_meaning  # noqa: E402
from tekana.domain.events import EVENT_TYPES  # noqa: E402
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
ORIGIN = {"caller": "partner-1", "request_id": "3f6c1a52-0c1e-4a57-9d0b-6d2f6f1f7a10"}
MESSAGES = {event.NAME: message_of(replace(event, **ORIGIN)) for event in sample_events()}


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
    """Return each file with the text that it should have."""
    for name in EVENT_TYPES:
        yield FOLDER / f"{name}.json", json_text(schema_of(name))
    yield FOLDER / "asyncapi.json", json_text(asyncapi())
    if PAGE.exists():
        before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        yield PAGE, f"{before}{MARKS[0]}\n\n{examples()}\n{MARKS[1]}{after}"


def read_folder() -> dict[Path, str]:
    """Return the files as they are."""
    return {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")}


def contract_of(written: dict[Path, str]) -> dict[str, EventContract]:
    """Return what these files promise, by type of event."""
    documents = {path.stem: json.loads(text) for path, text in written.items() if path.suffix == ".json"}
    if "asyncapi" not in documents:
        return {}
    components = documents["asyncapi"]["components"]
    return {
        name: EventContract(channel["address"], components["schemas"]["Headers"], documents.get(name, {}))
        for channel in documents["asyncapi"]["channels"].values()
        for name in channel["messages"]
    }


def json_text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of an event's data, as a document."""
    return {
        "$schema": DIALECT,
        "title": name,
        **event_data_schema(name),
        "examples": [json.loads(MESSAGES[name].value)],
    }


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
    "ce_tenant": {"description": "The tenant that it belongs to. Messages of release 0.1 lack it: `main`."},
    "ce_caller": {"description": "Who caused it. Missing where that was not recorded."},
    "ce_requestid": {"description": "The request that caused it. Missing where the caller named none."},
    "content-type": {"const": "application/json", "description": "What the data are."},
}
OPTIONAL_HEADERS = ("ce_tenant", "ce_caller", "ce_requestid")


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
                "summary": f"Publishes what happened to a {aggregate}.",
            }
            for aggregate in TOPICS
        },
        "components": {
            "messages": {name: asyncapi_message(name) for name in EVENT_TYPES},
            "schemas": {
                "Headers": {
                    "type": "object",
                    "properties": {name: {"type": "string", **said} for name, said in HEADERS.items()},
                    "required": [name for name in HEADERS if name not in OPTIONAL_HEADERS],
                },
            },
        },
    }


def asyncapi_message(name: str) -> dict[str, Any]:
    example = MESSAGES[name]
    return {
        "name": name,
        "title": name,
        "summary": event_meaning(name),
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
    """Return one message of each type, as a consumer gets it."""
    return "\n".join(example(name) for name in EVENT_TYPES)


def example(name: str) -> str:
    message = MESSAGES[name]
    headers = "\n".join(f"{header}: {value.decode()}" for header, value in sorted(message.headers))
    value = json.dumps(json.loads(message.value), indent=2)
    return f"""### {name}

{event_meaning(name)} [Schema](../events/{name}.json)

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
