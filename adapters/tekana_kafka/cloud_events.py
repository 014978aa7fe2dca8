"""Conversion between events and messages: CloudEvents 1.0 in Kafka's binary mode, with the event's data as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from tekana.application.event_payload import EventPayload, event_of_payload, event_payload
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.events import EVENT_TYPES, Aggregate, Event

SOURCE: Final = "/tekana"

_ALWAYS: Final = (
    ("ce_specversion", b"1.0"),
    ("ce_source", SOURCE.encode()),
    ("content-type", b"application/json"),
)

Header = tuple[str, bytes]


class Message(NamedTuple):
    """A message with an event. Messages with the same key arrive in the order of sending."""

    aggregate: Aggregate
    key: bytes
    value: bytes
    headers: list[Header]


def message_of(event: Event) -> Message:
    """Build the message of an event.

    `ce_sequence` has 19 digits, so that it sorts as text, as CloudEvents requires.
    """
    payload = event_payload(event)
    subject = str(payload.aggregate_id).encode()
    headers = [
        *_ALWAYS,
        ("ce_id", payload.id.encode()),
        ("ce_type", payload.type.encode()),
        ("ce_time", msgspec.json.encode(payload.occurred_at).strip(b'"')),
        ("ce_subject", subject),
        ("ce_sequence", b"%019d" % payload.sequence),
        ("ce_tenant", payload.tenant.encode()),
    ]
    if payload.caller is not None:
        headers.append(("ce_caller", payload.caller.encode()))
    if payload.request_id is not None:
        headers.append(("ce_requestid", payload.request_id.encode()))
    return Message(payload.aggregate, subject, msgspec.json.encode(payload.data), headers)


def event_of(value: bytes | None, headers: Sequence[Header]) -> Event | None:
    """Read the event in a message; None for a type that is unknown to this version.

    Raises:
        ValueError: the message does not contain an event.
    """
    try:
        texts = {name: text.decode() for name, text in headers}
        kind = EVENT_TYPES.get(texts["ce_type"])
        if kind is None:
            return None
        payload = EventPayload(
            id=texts["ce_id"],
            type=texts["ce_type"],
            aggregate=kind.aggregate,
            aggregate_id=UUID(texts["ce_subject"]),
            sequence=int(texts["ce_sequence"]),
            occurred_at=datetime.fromisoformat(texts["ce_time"]),
            data=msgspec.json.decode(value or b"", type=dict[str, object]),
            tenant=texts.get("ce_tenant", MAIN_TENANT),
            caller=texts.get("ce_caller"),
            request_id=texts.get("ce_requestid"),
        )
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    return event_of_payload(payload)
