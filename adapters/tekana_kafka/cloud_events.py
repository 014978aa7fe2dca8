"""An event as a message, both ways: CloudEvents 1.0 in Kafka's binary mode, with the event's own data as JSON."""

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
    """What is on the bus of an event. Messages of one key come in the order in which they were sent."""

    aggregate: Aggregate
    key: bytes
    value: bytes
    headers: list[Header]


def message_of(event: Event) -> Message:
    """The message that tells of the event.

    `ce_sequence` has 19 digits, so that it sorts as text too, which is what CloudEvents asks of it.
    """
    told = event_payload(event)
    subject = str(told.aggregate_id).encode()
    headers = [
        *_ALWAYS,
        ("ce_id", told.id.encode()),
        ("ce_type", told.type.encode()),
        ("ce_time", msgspec.json.encode(told.occurred_at).strip(b'"')),
        ("ce_subject", subject),
        ("ce_sequence", b"%019d" % told.sequence),
        ("ce_tenant", told.tenant.encode()),
    ]
    if told.caller is not None:
        headers.append(("ce_caller", told.caller.encode()))
    if told.request_id is not None:
        headers.append(("ce_requestid", told.request_id.encode()))
    return Message(told.aggregate, subject, msgspec.json.encode(told.data), headers)


def event_of(value: bytes | None, headers: Sequence[Header]) -> Event | None:
    """The event that a message tells of; None for a type that this version does not know.

    Raises:
        ValueError: it is no message that tells of an event.
    """
    try:
        said = {name: text.decode() for name, text in headers}
        kind = EVENT_TYPES.get(said["ce_type"])
        if kind is None:
            return None
        told = EventPayload(
            id=said["ce_id"],
            type=said["ce_type"],
            aggregate=kind.aggregate,
            aggregate_id=UUID(said["ce_subject"]),
            sequence=int(said["ce_sequence"]),
            occurred_at=datetime.fromisoformat(said["ce_time"]),
            data=msgspec.json.decode(value or b"", type=dict[str, object]),
            tenant=said.get("ce_tenant", MAIN_TENANT),
            caller=said.get("ce_caller"),
            request_id=said.get("ce_requestid"),
        )
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    return event_of_payload(told)
