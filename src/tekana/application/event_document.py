"""An event as those outside see it. The feed and the bus both make their JSON of this, so they say the same."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from tekana.domain.events import EVENT_TYPES, Aggregate, Event, aggregate_id, event_id
from tekana.domain.money import format_minor

AMOUNTS: Final = frozenset({"amount", "ledger_balance_after"})
"""Fields that hold money: minor units in the event, in the document a decimal string in major units."""

OWN_FIELDS: Final = {
    name: tuple(
        field.name
        for field in fields(kind)
        if field.name not in {"sequence", "occurred_at", f"{kind.aggregate}_id"}  # which every event has
    )
    for name, kind in EVENT_TYPES.items()
}
"""The fields of `data` by type of event: what it says beyond what every event says."""


class EventDocument(NamedTuple):
    """What every event has, and in `data` what is its own. The moment is in UTC."""

    id: str
    type: str
    aggregate: Aggregate
    aggregate_id: UUID
    sequence: int
    occurred_at: datetime
    data: dict[str, Any]


def event_document(event: Event) -> EventDocument:
    """The event for those outside."""
    kind = type(event)
    data = {name: getattr(event, name) for name in OWN_FIELDS[kind.__name__]}
    for name in AMOUNTS & data.keys():
        data[name] = format_minor(data[name], data["currency"])
    return EventDocument(
        id=event_id(event),
        type=kind.__name__,
        aggregate=event.aggregate,
        aggregate_id=aggregate_id(event),
        sequence=event.sequence,
        occurred_at=event.occurred_at.astimezone(UTC),
        data=data,
    )
