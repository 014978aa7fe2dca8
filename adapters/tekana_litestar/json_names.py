"""Whether a JSON object that was decoded names each of its fields once, without parsing it again."""

from __future__ import annotations

from uuid import UUID

import msgspec

_UUID_HYPHENS = 4


def has_each_name_once(body: bytes, decoded: object) -> bool:
    """Whether it is certain that no name in the body is given twice, and that all UUIDs are in their usual form.

    False says nothing: the body has to be parsed to find out.

    Why that is certain: every field that has not its default was in the body, with its quotes. If the body has no
    backslash, quotes are nothing but the ends of names and texts; if it has exactly as many as those fields need, then
    nothing else is in it, so no field came twice. In the same way the hyphens show that each UUID has its four.

    Args:
        body: a JSON object in UTF-8.
        decoded: the msgspec Struct that was decoded from it: texts, UUIDs, a dict of texts, or defaults.
    """
    if b"\\" in body or not isinstance(decoded, msgspec.Struct):
        return False
    config = decoded.__struct_config__
    quotes = hyphens = 0
    if isinstance(config.tag, str):
        quotes = 4
        hyphens = config.tag.count("-") + (config.tag_field or "").count("-")
    for name, default in _fields(type(decoded)):
        value = getattr(decoded, name)
        kind = type(value)
        if kind is str and value != default:
            quotes += 4
            hyphens += value.count("-")
        elif kind is UUID:
            quotes += 4
            hyphens += _UUID_HYPHENS
        elif kind is dict:
            quotes += 2
            for key, inner in value.items():
                if type(inner) is not str:
                    return False
                quotes += 4
                hyphens += key.count("-") + inner.count("-")
        elif value is not default:
            return False
    return body.count(b'"') == quotes and body.count(b"-") == hyphens


_known_fields: dict[type[msgspec.Struct], tuple[tuple[str, object], ...]] = {}


def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    """The names and defaults of a Struct's fields, which are named in JSON as they are here."""
    found = _known_fields.get(kind)
    if found is None:
        fields = msgspec.structs.fields(kind)
        found = _known_fields[kind] = tuple((field.name, field.default) for field in fields)
    return found
