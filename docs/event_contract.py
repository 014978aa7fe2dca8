"""The documents of docs/events, from the event classes: a JSON Schema for each, and an AsyncAPI document."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from compatibility import EventContract

from tekana.application.event_schema import event_data_schema, event_meaning
from tekana.domain.events import EVENT_TYPES
from tekana.testing.sample_events import sample_events
from tekana_kafka.address import AGGREGATES, Address
from tekana_kafka.cloud_events import SOURCE, message_of

if TYPE_CHECKING:
    from collections.abc import Mapping

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
TOPICS = {aggregate: Address(()).topic(aggregate) for aggregate in AGGREGATES}
ORIGIN = {"caller": "partner-1", "request_id": "3f6c1a52-0c1e-4a57-9d0b-6d2f6f1f7a10"}
MESSAGES = {event.NAME: message_of(replace(event, **ORIGIN)) for event in sample_events()}


def documents() -> dict[str, str]:
    """Return the text of each document, by the name of its file without the suffix."""
    schemas = {name: json_text(schema_of(name)) for name in EVENT_TYPES}
    return {**schemas, "asyncapi": json_text(asyncapi())}


def contract_of(texts: Mapping[str, str]) -> dict[str, EventContract]:
    """Return what these documents promise, by type of event."""
    found = {stem: json.loads(text) for stem, text in texts.items()}
    if "asyncapi" not in found:
        return {}
    headers = found["asyncapi"]["components"]["schemas"]["Headers"]
    return {
        name: EventContract(channel["address"], headers, found.get(name, {}))
        for channel in found["asyncapi"]["channels"].values()
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
