"""An event as consumers see it. The feed and the bus both build their JSON from this, so they agree."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, get_origin, get_type_hints
from uuid import UUID

import msgspec

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.events import EVENT_TYPES, Aggregate, Event, RecordedEvent, aggregate_id, event_id
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import Currency, format_minor

AMOUNTS: Final = frozenset({"amount", "ledger_balance_after"})
"""Fields that hold money: minor units in the event, in the payload a decimal string in major units."""

_COMMON_FIELDS: Final = frozenset(field.name for field in fields(RecordedEvent))

OWN_FIELDS: Final = {
    name: tuple(field.name for field in fields(kind) if field.name not in {*_COMMON_FIELDS, f"{kind.aggregate}_id"})
    for name, kind in EVENT_TYPES.items()
}
"""The fields of `data` by type of event: what it says beyond what every event says."""


class EventPayload(NamedTuple):
    """What every event has, and in `data` what is its own. The moment is in UTC.

    Attributes:
        tenant, caller, request_id: who caused it, and in which request; None where that was not recorded.
    """

    id: str
    type: str
    aggregate: Aggregate
    aggregate_id: UUID
    sequence: int
    occurred_at: datetime
    data: dict[str, Any]
    tenant: str = MAIN_TENANT
    caller: str | None = None
    request_id: str | None = None


def event_payload(event: Event) -> EventPayload:
    """Return the event as consumers see it."""
    kind = type(event)
    data = {name: getattr(event, name) for name in OWN_FIELDS[kind.NAME]}
    for name in AMOUNTS & data.keys():
        data[name] = format_minor(data[name], data["currency"])
    return EventPayload(
        id=event_id(event),
        type=kind.NAME,
        aggregate=event.aggregate,
        aggregate_id=aggregate_id(event),
        sequence=event.sequence,
        occurred_at=event.occurred_at.astimezone(UTC),
        data=data,
        tenant=event.tenant,
        caller=event.caller,
        request_id=event.request_id,
    )


_READ_AS: Final = {
    name: {field: str if get_origin(hint) is Literal else hint for field, hint in get_type_hints(kind).items()}
    for name, kind in EVENT_TYPES.items()
}
"""What each field is read as. Where a field has one of a few words, others may come some day, so any will do."""


def event_of_payload(payload: EventPayload) -> Event | None:
    """Return the event that a payload holds; None for a type that this version does not know.

    Fields that this version does not know are passed over, and words such as a `transaction_type` are as they came.

    Raises:
        ValueError: a field that was always there is missing, or is not what it should be.
    """
    kind = EVENT_TYPES.get(payload.type)
    if kind is None:
        return None
    data = {name: payload.data[name] for name in OWN_FIELDS[payload.type] if name in payload.data}
    common = {name: getattr(payload, name) for name in _COMMON_FIELDS} | {f"{kind.aggregate}_id": payload.aggregate_id}
    read_as = _READ_AS[payload.type]
    try:
        for name in AMOUNTS & data.keys():
            data[name] = _minor(data[name], data["currency"])
        values: dict[str, Any] = {
            name: msgspec.convert(value, read_as[name]) for name, value in (data | common).items()
        }
        return kind(**values)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no {payload.type} as known here: {error}") from error


def _minor(text: str, currency: Currency) -> int:
    minor = int(text.replace(".", "", 1))
    if currency not in EXPONENTS or format_minor(minor, currency) != text:
        raise ValueError(f"{text!r} is no amount of {currency}")
    return minor
