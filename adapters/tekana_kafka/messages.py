"""An event as a message: CloudEvents 1.0 in Kafka's binary mode, with the event's own data as JSON."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from tekana.application.event_document import event_document
from tekana.domain.events import Aggregate, Event

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
    told = event_document(event)
    subject = str(told.aggregate_id).encode()
    headers = [
        *_ALWAYS,
        ("ce_id", told.id.encode()),
        ("ce_type", told.type.encode()),
        ("ce_time", msgspec.json.encode(told.occurred_at).strip(b'"')),
        ("ce_subject", subject),
        ("ce_sequence", b"%019d" % told.sequence),
    ]
    return Message(told.aggregate, subject, msgspec.json.encode(told.data), headers)
