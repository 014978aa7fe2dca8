"""Query parameters: each route has a Struct of them, from which they are read and documented."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, inspect

from tekana import FieldError, InvalidRequest, PageRequest
from tekana.application.commands.validation import to_time
from tekana.domain.errors import invalid
from tekana.ports.page import PAGE_SIZE_MAX
from tekana_litestar.identifiers import canonical_uuid
from tekana_litestar.pages import decode_cursor
from tekana_litestar.validation import faults, shortened

_PARAMETERS_MAX: Final = 50

# A plus that was not percent-encoded arrives as a space.
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[ +-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)

_MEMBER: Final = re.compile(r"([a-z_]+)\[(.{1,64})\]", re.DOTALL)

Order = Literal["asc", "desc"]

Limit = Annotated[int, Meta(ge=1, le=PAGE_SIZE_MAX, description="How many items at most.")]

Cursor = Annotated[
    str,
    Meta(min_length=1, max_length=500, description="Where the page begins: the `next_cursor` of the page before."),
]


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a route; here, none. One that may be left out is UNSET then, or has a default."""

    def select(self, kind: type[FilterT]) -> FilterT:
        """Return the filter of this kind: a tuple whose fields are parameters, None where they are not given."""
        given = ((name, getattr(self, name)) for name in kind._fields)  # type: ignore[attr-defined]
        return kind(**{name: value for name, value in given if value is not UNSET})


class PageQuery(Query, frozen=True, kw_only=True):
    """Which page of a list."""

    limit: Limit = PageRequest().limit
    cursor: Cursor | UnsetType = UNSET

    def page(self, path: str) -> PageRequest:
        """Return the page asked for. Raises InvalidRequest if the list at this path never issued the cursor."""
        return page_request(path, self.limit, self.cursor, "cursor")


class DryRunQuery(Query, frozen=True, kw_only=True):
    """How."""

    dry_run: Annotated[bool, Meta(description="Say what would happen, and keep nothing. No key is needed.")] = False


FilterT = TypeVar("FilterT", bound=tuple[Any, ...])
QueryT = TypeVar("QueryT", bound=Query)


def page_request(path: str, limit: int, cursor: str | UnsetType, name: str) -> PageRequest:
    """Return the page of the list at this path that begins at the cursor, which was given under this name."""
    return PageRequest(limit, None if isinstance(cursor, UnsetType) else decode_cursor(path, cursor, name))


def read_query(query_string: bytes, kind: type[QueryT]) -> QueryT:
    """Read the parameters that are given.

    Raises:
        InvalidRequest: one is unknown, empty, given twice, or not what it should be; names all of them.
    """
    if not query_string and not _required(kind):
        return kind()
    pairs = _pairs(query_string)
    raw: dict[str, Any] = {}
    wrong: list[FieldError] = []
    for name, text in pairs:
        try:
            _read(kind, name, text, raw)
        except InvalidRequest as error:
            wrong.extend(error.errors)
    try:
        if not wrong:
            return msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        pass
    wrong_names = {one.field for one in wrong}
    wrong.extend(one for one in faults(kind, raw) if one.field not in wrong_names)
    order = [name[:64] for name, _ in pairs]
    raise InvalidRequest(*sorted(wrong, key=lambda one: order.index(one.field) if one.field in order else 0))


def _read(kind: type[Query], name: str, text: str, raw: dict[str, Any]) -> None:
    types = _types(kind)
    if (member := _MEMBER.fullmatch(name)) and isinstance(types.get(member[1]), inspect.DictType):
        members = raw.setdefault(member[1], {})
        if member[2] in members:
            raise invalid(name[:64], "is given more than once")
        members[member[2]] = text
        return
    if isinstance(types.get(name.partition("[")[0]), inspect.DictType):
        parameter = name.partition("[")[0]
        raise invalid(name[:64], f"must be given as {parameter}[name]=value, with a name of 1 to 64 characters")
    if name not in types:
        known = f"its parameters are: {', '.join(types)}" if types else "it has none"
        raise invalid(name[:64] or "query", f"is not a parameter of this route; {known}")
    if name in raw:
        raise invalid(name, "is given more than once")
    raw[name] = _from_text(types[name], name, text)


@cache
def _required(kind: type[Query]) -> bool:
    """Return whether any parameter is required."""
    return any(one.required for one in msgspec.structs.fields(kind))


@cache
def _types(kind: type[Query]) -> dict[str, inspect.Type]:
    """Return the type of each parameter, by its name."""
    return {one.encode_name: _base(inspect.type_info(one.type)) for one in msgspec.structs.fields(kind)}


def _base(info: inspect.Type) -> inspect.Type:
    """Return a type without its description, and without UNSET."""
    if isinstance(info, inspect.Metadata):
        return _base(info.type)
    return _base(info.types[0]) if isinstance(info, inspect.UnionType) else info


def _from_text(info: inspect.Type, name: str, text: str) -> str | int | bool | UUID | datetime:
    match info:
        case inspect.UUIDType():
            return canonical_uuid(name, text)
        case inspect.IntType(ge=int(least), le=int(most)):
            if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
                raise invalid(name, f"must be a whole number from {least} to {most}")
            return int(text)
        case inspect.BoolType():
            if text not in ("true", "false"):
                raise invalid(name, "must be true or false")
            return text == "true"
        case inspect.DateTimeType():
            return _time(name, text)
        case inspect.StrType(max_length=most):
            if not text:
                raise invalid(name, "must not be empty")
            if most is not None and len(text) > most:
                raise invalid(name, f"must be at most {most} characters")
    return text


def _time(name: str, text: str) -> datetime:
    if not _RFC_3339.fullmatch(text):
        raise invalid(name, "must be a time in RFC 3339 form with its offset, such as 2026-01-31T12:00:00Z")
    return to_time(name, text.replace(" ", "+"))


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS_MAX
        )
    except UnicodeError:
        raise invalid("query", "is not valid UTF-8, percent-encoded") from None
    except ValueError:
        raise invalid("query", f"must have at most {_PARAMETERS_MAX} parameters") from None
    for name, text in pairs:
        if "\x00" in name + text:
            shown = shortened(name.replace("\x00", "%00"))
            raise invalid("query", f"must not contain NUL characters (%00), as the parameter {shown} does")
    return pairs
