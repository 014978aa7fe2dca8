"""From plain data to a Struct, strictly; and everything that is wrong with the data, in words.

msgspec stops at the first fault. Once there is one, the fields are read one by one, to report the others as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from tekana import FieldError, InvalidRequest

ERRORS_MAX: Final = 20
"""How many faults are reported at once."""

_NOTHING: Final[Mapping[str, Any]] = {}


def convert(raw: Any, kind: Any, given: Mapping[str, Any] = _NOTHING) -> Any:
    """Read plain data as this kind.

    Args:
        raw: the data, as JSON has them.
        kind: a Struct, or a union of tagged ones.
        given: fields that come from elsewhere, and that the data must not have.

    Raises:
        InvalidRequest: something is wrong with the data; names each field that is.
    """
    try:
        if not given:
            return msgspec.convert(raw, kind)
        if isinstance(raw, dict) and given.keys().isdisjoint(raw):
            return msgspec.convert({**raw, **given}, kind)
    except msgspec.ValidationError:
        pass
    raise InvalidRequest(*islice(faults(kind, raw, given=given), ERRORS_MAX))


def faults(kind: Any, raw: Any, inside: str = "", given: Mapping[str, Any] = _NOTHING) -> Iterator[FieldError]:
    """Find everything that is wrong with plain data that cannot be read as this kind.

    Args:
        kind: a Struct, or a union of tagged ones.
        raw: the data.
        inside: where they are in the body: empty, or a path with a dot at its end.
        given: fields that come from elsewhere.
    """
    kinds = {one.__struct_config__.tag: one for one in _structs(kind)}
    tag_field = next(iter(kinds.values())).__struct_config__.tag_field
    if not isinstance(raw, dict):
        yield FieldError(inside.rstrip(".") or "body", "must be an object")
    elif tag_field and tag_field not in raw:
        yield FieldError(f"{inside}{tag_field}", "is missing")
    elif tag_field and raw[tag_field] not in list(kinds):
        yield FieldError(f"{inside}{tag_field}", f"must be one of: {', '.join(kinds)}")
    else:
        chosen = kinds[raw[tag_field]] if tag_field else kind
        fields = {name: value for name, value in raw.items() if name != tag_field}
        yield from (one._replace(field=inside + one.field) for one in _StructFaults(chosen, fields, given).find())


class _StructFaults:
    """Finds the faults of one Struct: those of each field by itself, then those that the Struct finds in itself.

    A field with a fault gets the value of the Struct's example, so that the others can be checked.
    """

    def __init__(self, kind: Any, raw: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self._kind = kind
        self._raw = raw
        self._fields = {one.encode_name: one for one in msgspec.structs.fields(kind) if one.name not in given}
        self._values: dict[str, Any] = {**given}

    def find(self) -> Iterator[FieldError]:
        """Find the faults, in the order of the fields."""
        found = [*self._in_fields(), *self._unknown()]
        yield from found
        wrong = {_field_of(one) for one in found}
        for error in self._in_itself():
            # An example may not do for what stands in for a wrong field. And what concerns no field, such as that one
            # of several is needed, may come of a field that was left out.
            if _field_of(error) in self._fields.keys() - wrong or not found:
                yield error

    def _unknown(self) -> Iterator[FieldError]:
        for name in (one for one in self._raw if one not in self._fields):
            yield FieldError(shortened(name), "is not a field of this body")

    def _in_fields(self) -> Iterator[FieldError]:
        for name, field in self._fields.items():
            if name in self._raw:
                wrong = list(_in_value(field.type, self._raw[name], name))
                if not wrong:
                    self._values[field.name] = msgspec.convert(self._raw[name], field.type)
            else:
                wrong = [FieldError(name, "is missing")] if field.required else []
            if wrong:
                self._substitute(name)
            yield from wrong

    def _in_itself(self) -> tuple[FieldError, ...]:
        try:
            self._kind(**self._values)
        except InvalidRequest as error:
            return error.errors
        except TypeError:  # a field is missing, and there is no example of it
            pass
        return ()

    def _substitute(self, name: str) -> None:
        """Put the example's value, or none, in the place of a wrong one."""
        field = self._fields[name]
        example = getattr(self._kind, "EXAMPLE", _NOTHING)
        if name in example:
            self._values[field.name] = msgspec.convert(example[name], field.type)


def _in_value(kind: Any, raw: Any, place: str) -> Iterator[FieldError]:
    """Find what keeps one value from being of this kind."""
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        item = get_args(kind)[0] if get_origin(kind) is tuple else None
        if item and _structs(item) and isinstance(raw, list):
            for index, one in enumerate(raw):
                yield from _in_value(item, one, f"{place}[{index}]")
        elif item is None and _structs(kind):
            yield from faults(kind, raw, f"{place}.")
        else:
            yield _explained(error, kind, place)


def _explained(error: msgspec.ValidationError, kind: Any, place: str) -> FieldError:
    """Say in words what msgspec found at this place. Where it is inside metadata is not shown."""
    found = _PLACE.fullmatch(str(error))
    message, path = (found[1], found[2].partition("[...]")[0]) if found else (str(error), "")
    return FieldError(place + path, _in_words(message, kind))


def shortened(name: str) -> str:
    """Return a name as it is, or its beginning if it is very long."""
    return name if len(name) <= 64 else f"{name[:63]}…"


# What went wrong, and where, as msgspec says it.
_PLACE: Final = re.compile(r"(.*) - at `\$((?:\.\w+|\[\d+\]|\[\.\.\.\])*)`", re.DOTALL)

_KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
    "uuid": "a UUID",
    "datetime": "a time",
}


def _in_words(message: str, kind: Any) -> str:
    if found := re.fullmatch(r"Expected `(\w+(?: \| \w+)*)`(?:, got `(.*)`)?", message):
        wanted = " or ".join(_KINDS.get(one, one) for one in found[1].split(" | "))
        return f"must be {wanted}, not {_KINDS.get(found[2], found[2])}" if found[2] else f"must be {wanted}"
    if found := re.fullmatch(r"Expected `\w+` ([<>])= (\w+)", message):
        return f"must be at {'most' if found[1] == '<' else 'least'} {found[2]}"
    if message == "Invalid UUID":
        return "must be a UUID, such as 019a3c52-7f00-7000-8000-000000000001"
    if "datetime" in message:
        return "must be a time in RFC 3339 form with its offset, such as 2026-01-31T12:00:00Z"
    if "out of range" in message:
        return "is a number out of range"
    choices = _choices(kind)
    return f"must be one of: {', '.join(choices)}" if choices else "is not one of the values allowed here"


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def _structs(kind: Any) -> list[Any]:
    """Return the Structs among a kind, or the alternatives of a union."""
    return [one for one in (get_args(kind) or (kind,)) if hasattr(one, "__struct_config__")]


def _field_of(error: FieldError) -> str:
    return re.split(r"[.\[]", error.field, maxsplit=1)[0]
