"""The payload of an event: its public form. The feed and the bus both build their JSON from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, NamedTuple, get_origin, get_type_hints
from uuid import UUID

import msgspec

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.event_fields import FieldMeaning
from tekana.domain.events import EVENT_TYPES, Aggregate, Event, RecordedEvent, aggregate_id, event_id
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import Currency, format_minor

_COMMON_FIELDS: Final = frozenset(field.name for field in fields(RecordedEvent))


class DataFields(NamedTuple):
    """The fields of `data` of a type of event: those that not all events have.

    Attributes:
        own: their names.
        amounts: the names of those with amounts: minor units in the event, a decimal string in the payload.
        read_as: the type of each field of the event for decoding. An enumerated field accepts any text, as later
            versions may add values.
        meanings: what the fields mean, where their type declares it.
    """

    own: tuple[str, ...]
    amounts: frozenset[str]
    read_as: Mapping[str, Any]
    meanings: Mapping[str, FieldMeaning]


@cache
def data_fields(name: str) -> DataFields:
    """Return the fields of `data` of a type of event, as its class declares them."""
    kind = EVENT_TYPES[name]
    own = [field.name for field in fields(kind) if field.name not in {*_COMMON_FIELDS, f"{kind.aggregate}_id"}]
    hints, annotated = get_type_hints(kind), get_type_hints(kind, include_extras=True)
    metadata = [(field, one) for field in own for one in getattr(annotated[field], "__metadata__", ())]
    meanings = {field: one for field, one in metadata if isinstance(one, FieldMeaning)}
    return DataFields(
        tuple(own),
        frozenset(field for field, one in meanings.items() if one.is_amount),
        {field: str if get_origin(hint) is Literal else hint for field, hint in hints.items()},
        meanings,
    )


class EventPayload(NamedTuple):
    """The common fields of all events, and in `data` those of the type. Times are in UTC.

    Attributes:
        tenant: the tenant that the aggregate belongs to.
        caller, request_id: of the request that caused the event; None if they were not recorded.
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
    """Return the payload of an event."""
    kind = type(event)
    about = data_fields(kind.NAME)
    data = {name: getattr(event, name) for name in about.own}
    for name in about.amounts:
        data[name] = None if data[name] is None else format_minor(data[name], data["currency"])
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


def event_of_payload(payload: EventPayload) -> Event | None:
    """Return the event of a payload; None for a type that is unknown to this version.

    Unknown fields are ignored, and unknown values of fields such as `transaction_type` are accepted.

    Raises:
        ValueError: a required field is missing, or a field has a wrong type or value.
    """
    kind = EVENT_TYPES.get(payload.type)
    if kind is None:
        return None
    about = data_fields(payload.type)
    data = {name: payload.data[name] for name in about.own if name in payload.data}
    common = {name: getattr(payload, name) for name in _COMMON_FIELDS} | {f"{kind.aggregate}_id": payload.aggregate_id}
    try:
        for name in about.amounts & data.keys():
            data[name] = None if data[name] is None else _minor(data[name], data["currency"])
        values: dict[str, Any] = {
            name: msgspec.convert(value, about.read_as[name]) for name, value in (data | common).items()
        }
        return kind(**values)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no {payload.type} as known here: {error}") from error


def _minor(text: str, currency: Currency) -> int:
    minor = int(text.replace(".", "", 1))
    if currency not in EXPONENTS or format_minor(minor, currency) != text:
        raise ValueError(f"{text!r} is no amount of {currency}")
    return minor
