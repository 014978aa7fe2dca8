"""The readers of a session: they check arguments, and convert identifiers given as text, for all stores.

Which arguments need that is known from the type hints of the port, so a reader needs no code here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature
from types import NoneType, UnionType
from typing import Any, Final, NewType, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from tekana.application.commands.validation import check_page, check_range, to_id
from tekana.ports.page import PageRequest
from tekana.ports.readers import Reader, queries_of

PortT = TypeVar("PortT")

_Convert = Callable[[str, Any], Any]
"""Converts the value of the argument or field of this name."""

AMOUNT_RANGE: Final = ("amount_min", "amount_max")
"""The names of the fields of filters that are the bounds of a range of amounts."""


def checked(reader: Reader[PortT], port: PortT) -> PortT:
    """Return the reader behind checks: its methods raise InvalidRequest for a bad argument."""
    proxy: PortT = _proxy_of(reader.port)(port)
    return proxy


@cache
def _proxy_of(port: type) -> Callable[[Any], Any]:
    """Return a class with the methods of the port, each of which converts its arguments and calls the port."""
    methods = {name: _method(name, vars(port)[name]) for name in queries_of(port)}
    return type(f"Checked{port.__name__}", (_Proxy,), {"__slots__": (), **methods})


class _Proxy:
    __slots__ = ("_reader",)

    def __init__(self, reader: Any) -> None:
        self._reader = reader


def _method(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    hints = get_type_hints(method)
    names = [one for one in signature(method).parameters if one != "self"]
    conversions = {one: convert for one in names if (convert := _conversion_of(hints[one])) is not None}
    by_index = [(index, one, conversions[one]) for index, one in enumerate(names) if one in conversions]

    async def call(self: Any, *positional: Any, **named: Any) -> Any:
        given = list(positional)
        for index, one, convert in by_index:
            if index < len(given):
                given[index] = convert(one, given[index])
            elif one in named:
                named[one] = convert(one, named[one])
        return await getattr(self._reader, name)(*given, **named)

    call.__name__, call.__doc__ = name, method.__doc__
    return call


def _conversion_of(hint: Any) -> _Convert | None:
    """Return the conversion of an argument of this type: an identifier, a page or a filter; None without."""
    if get_origin(hint) in (Union, UnionType):
        [inner, *others] = [one for one in get_args(hint) if one is not NoneType]
        convert = None if others else _conversion_of(inner)
        return convert and (lambda name, value: None if value is None else convert(name, value))
    if hint is PageRequest:
        return lambda _, page: check_page(page)
    if hint is UUID or (isinstance(hint, NewType) and hint.__supertype__ is UUID):
        return to_id
    if not (isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")):
        return None
    fields = {name: convert for name, one in get_type_hints(hint).items() if (convert := _conversion_of(one))}
    has_amounts = {*AMOUNT_RANGE} <= {*hint._fields}

    def in_filter(_: str, value: Any) -> Any:
        if has_amounts:
            check_range(*AMOUNT_RANGE, value.amount_min, value.amount_max)
        return value._replace(**{name: convert(name, getattr(value, name)) for name, convert in fields.items()})

    return in_filter if fields or has_amounts else None
