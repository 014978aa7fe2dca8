"""What may change about events, and what would break those who consume them.

A contract may grow: by a type of event, and by a field that may be missing, since what was published before lacks it.
Nothing else changes but words: no event, header or field goes, moves, changes its type, or stops coming always. Values
that a field may have are given as `examples`, so that more of them are no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]

_WORDS = frozenset({"title", "description", "examples"})


class EventContract(NamedTuple):
    """What is promised of one type of event: its topic, and the schemas of its headers and of its data."""

    topic: str
    headers: Schema
    data: Schema


def breaches(old: Mapping[str, EventContract], new: Mapping[str, EventContract]) -> list[str]:
    """Return what in the new contract would break consumers of the old one, in words. Both are by type of event."""
    return [breach for name, before in old.items() for breach in _of_event(name, before, new.get(name))]


def _of_event(name: str, old: EventContract, new: EventContract | None) -> Iterator[str]:
    if new is None:
        yield f"{name} is gone"
        return
    if new.topic != old.topic:
        yield f"{name} moved from {old.topic} to {new.topic}"
    yield from _of_object(f"a header of {name}", old.headers, new.headers)
    yield from _of_object(name, old.data, new.data)


def _of_object(where: str, old: Schema, new: Schema) -> Iterator[str]:
    fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name, field in fields.items():
        if name not in new_fields:
            yield f"{where}: {name} is gone"
        elif _without_words(field) != _without_words(new_fields[name]):
            yield f"{where}: {name} is no longer what it was"
    always, always_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(always - always_now):
        yield f"{where}: {name} used to come always"
    for name in sorted(always_now - always):
        yield f"{where}: {name} is required, and what was published before lacks it"
    if _rest(old) != _rest(new):
        yield f"{where}: the whole is no longer what it was"


def _rest(schema: Schema) -> Any:
    return _without_words({name: value for name, value in schema.items() if name not in {"properties", "required"}})


def _without_words(schema: Any) -> Any:
    """Return the schema without what is for people only, at any depth."""
    if isinstance(schema, Mapping):
        return {name: _without_words(value) for name, value in schema.items() if name not in _WORDS}
    if isinstance(schema, list):
        return [_without_words(value) for value in schema]
    return schema
