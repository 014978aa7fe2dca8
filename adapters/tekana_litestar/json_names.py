"""Whether a JSON object that was decoded names each of its fields once, without parsing it again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any
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
    needed = _quotes_and_hyphens(decoded)
    return needed is not None and (body.count(b'"'), body.count(b"-")) == needed


def _quotes_and_hyphens(decoded: msgspec.Struct) -> tuple[int, int] | None:
    """Return how many of both a body has that names each field once; None for a value that is no text."""
    config = decoded.__struct_config__
    quotes = hyphens = 0
    if isinstance(config.tag, str):
        quotes = 4
        hyphens = config.tag.count("-") + (config.tag_field or "").count("-")
    values_of, defaults = _fields(type(decoded))
    for value, default in zip(values_of(decoded), defaults, strict=True):
        if value is default:
            continue
        kind = type(value)
        if kind is str:
            if value != default:
                quotes += 4
                hyphens += value.count("-")
        elif kind is UUID:
            quotes += 4
            hyphens += _UUID_HYPHENS
        elif kind is dict:
            quotes += 2
            for key, inner in value.items():
                if type(inner) is not str:
                    return None
                quotes += 4
                hyphens += key.count("-") + inner.count("-")
        else:
            return None
    return quotes, hyphens


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[Callable[[object], tuple[Any, ...]], tuple[object, ...]]:
    """Return a function that gives the values of a Struct's fields, and their defaults."""
    fields = msgspec.structs.fields(kind)
    names = [field.name for field in fields]  # which are those in JSON
    values_of = attrgetter(*names) if len(names) > 1 else lambda one: tuple(getattr(one, name) for name in names)
    return values_of, tuple(field.default for field in fields)
