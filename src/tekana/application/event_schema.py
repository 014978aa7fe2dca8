"""JSON Schemas of the `data` of each type of event: over HTTP, and as the value of a message on the bus."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Final, Literal, NewType, get_args, get_origin, get_type_hints
from uuid import UUID

from tekana.application.event_payload import data_fields
from tekana.domain.event_fields import FieldMeaning
from tekana.domain.events import EVENT_TYPES
from tekana.domain.money import Currency

_PLAIN: Final[dict[Any, dict[str, Any]]] = {
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
}
"""The schemas of plain types."""


def event_meaning(name: str) -> str:
    """Return the description of a type of event: the docstring of its class."""
    return re.sub(r"\s+", " ", EVENT_TYPES[name].__doc__ or "").strip()


def event_data_schema(name: str) -> dict[str, Any]:
    """Return the schema of the data of a type of event. Additional fields are allowed."""
    kind = EVENT_TYPES[name]
    about, hints = data_fields(name), get_type_hints(kind)
    optional = {one.name for one in fields(kind) if one.default is not MISSING or one.default_factory is not MISSING}
    return {
        "description": event_meaning(name),
        "type": "object",
        "properties": {one: _field_schema(hints[one], about.meanings.get(one)) for one in about.own},
        "required": [one for one in about.own if one not in optional],
    }


def _field_schema(hint: Any, meaning: FieldMeaning | None) -> dict[str, Any]:
    if meaning is None:
        return _type_schema(hint)
    if meaning.is_amount:
        sign = "-?" if meaning.may_be_negative else ""
        type_ = "string" if hint is int else ["string", "null"]
        return {"description": meaning.description, "type": type_, "pattern": rf"^{sign}[0-9]+(\.[0-9]+)?$"}
    return {"description": meaning.description, **_type_schema(hint)}


def _type_schema(hint: Any) -> dict[str, Any]:
    if hint is Currency:
        return {"type": "string", "pattern": "^[A-Z]{3}$"}
    if isinstance(hint, NewType):
        return _type_schema(hint.__supertype__)
    if get_origin(hint) is Literal:
        return {"type": "string", "examples": list(get_args(hint))}
    if isinstance(hint, UnionType):
        [one] = [part for part in get_args(hint) if part is not NoneType]
        schema = _type_schema(one)
        return {**schema, "type": [schema["type"], "null"]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _type_schema(get_args(hint)[0])}
    return dict(_PLAIN[hint])
