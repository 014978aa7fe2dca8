"""Conversion between values of the core and JSON, derived from type hints: no query or answer needs its own code.

Every NamedTuple, dataclass and Struct is a JSON object with its fields by name. In a union of classes, the member
`class` has the name of the class. msgspec reads and writes these objects with Structs that are derived from the
classes, so a reader ignores unknown fields and uses the defaults of missing ones: processes of two versions are
compatible while a field with a default is added.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import getitem
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from tekana.domain.transaction import TRANSACTION_TYPES, TransactionRequest

_encode = msgspec.json.Encoder().encode


class Codec(NamedTuple):
    """The encoder and decoder of one type. `decode` raises msgspec.DecodeError for other data."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


class Field(NamedTuple):
    """A field of a record: its name, its type, and its default, which is NODEFAULT for a required field."""

    name: str
    hint: Any
    default: Any = msgspec.NODEFAULT


class _Form(NamedTuple):
    """The type that msgspec reads and writes, and the conversion from values (`pack`) and to values (`unpack`)."""

    type: Any
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def _unchanged(value: Any) -> Any:
    return value


@cache
def codec_of(hint: Any) -> Codec:
    """Return the codec of answers of a type. It ignores unknown fields."""
    return _codec(_form_of(hint, False))


def arguments_codec(name: str, fields: Iterable[Field]) -> Codec:
    """Return the codec of the arguments of a query, a mapping with these fields.

    Defaults are not written. A reader rejects unknown fields: ignoring a filter would lead to a wrong answer.
    """
    return _codec(_record(name, dict, tuple(fields), strict=True, tagged=False, get=getitem))


def _codec(form: _Form) -> Codec:
    decoder = msgspec.json.Decoder(form.type)

    def encode(value: Any) -> bytes:
        return _encode(form.pack(value))

    def decode(data: bytes) -> Any:
        packed = decoder.decode(data)
        try:
            return form.unpack(packed)
        except (TypeError, ValueError) as error:
            raise msgspec.ValidationError(str(error)) from error

    return Codec(encode, decode)


@cache
def _form_of(hint: Any, strict: bool) -> _Form:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(hint, arguments, strict)
    if origin is Literal and not strict:
        # Accept any text: a later version may have more values.
        return _Form(str, _unchanged, _unchanged) if all(isinstance(one, str) for one in arguments) else _plain(hint)
    if (origin is tuple and arguments[1:] == (...,)) or origin is Sequence:
        return _many(_form_of(arguments[0], strict))
    kind = origin or hint
    if _is_record(kind):
        return _record_of(kind, arguments, strict=strict, tagged=False)
    if any(_has_record(one) for one in arguments):
        raise TypeError(f"no codec for {hint}")
    return _plain(hint)


def _plain(hint: Any) -> _Form:
    return _Form(hint, _unchanged, _unchanged)


def _is_record(kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    is_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return is_tuple or dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct)


def _has_record(hint: Any) -> bool:
    return _is_record(get_origin(hint) or hint) or any(_has_record(one) for one in get_args(hint))


def _fields_of(kind: Any, arguments: tuple[Any, ...]) -> Iterator[Field]:
    hints = get_type_hints(kind)
    stands_for = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    defaults = _defaults_of(kind)
    for name, default in defaults.items():
        yield Field(name, _filled_in(hints[name], stands_for), default)


def _defaults_of(kind: Any) -> dict[str, Any]:
    """Return the default of each field, by name; NODEFAULT for a required one."""
    if issubclass(kind, msgspec.Struct):
        return {one.name: one.default for one in msgspec.structs.fields(kind)}
    if issubclass(kind, tuple):
        known: Mapping[str, Any] = kind._field_defaults
        return {name: known.get(name, msgspec.NODEFAULT) for name in kind._fields}
    missing = dataclasses.MISSING
    return {one.name: msgspec.NODEFAULT if one.default is missing else one.default for one in dataclasses.fields(kind)}


def _filled_in(hint: Any, stands_for: Mapping[Any, Any]) -> Any:
    """Substitute the type variables in the hint of a generic class's field."""
    if isinstance(hint, TypeVar):
        return stands_for[hint]
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(stands_for[one] for one in parameters)] if parameters else hint


def _record_of(kind: Any, arguments: tuple[Any, ...], *, strict: bool, tagged: bool) -> _Form:
    fields = tuple(_fields_of(kind, arguments))
    form = _record(_name_of(kind), kind, fields, strict=strict, tagged=tagged)
    return _with_details(form) if kind is TransactionRequest else form


def _with_details(form: _Form) -> _Form:
    """Return the form of a TransactionRequest, whose type determines the class of its details."""

    def pack(request: TransactionRequest) -> Any:
        packed = form.pack(request)
        if request.details is not None:
            kind: Any = type(request.details)
            packed.details = _form_of(kind, False).pack(request.details)
        return packed

    def unpack(packed: Any) -> Any:
        rules = TRANSACTION_TYPES.get(packed.type)
        if packed.details is not None and rules is not None and rules.details is not None:
            kind: Any = rules.details
            details = _form_of(kind, False)
            packed.details = details.unpack(msgspec.convert(packed.details, details.type))
        return form.unpack(packed)

    return _Form(form.type, pack, unpack)


def _record(
    name: str,
    build: Callable[..., Any],
    fields: tuple[Field, ...],
    *,
    strict: bool,
    tagged: bool,
    get: Callable[[Any, str], Any] = getattr,
) -> _Form:
    parts = [(one.name, one.default, _form_of(one.hint, strict)) for one in fields]
    members = [
        (field, form.type) if default is msgspec.NODEFAULT else (field, form.type, form.pack(default))
        for field, default, form in parts
    ]
    struct: Any = msgspec.defstruct(
        name,
        members,
        kw_only=True,
        tag=name if tagged else None,
        tag_field="class" if tagged else None,
        frozen=strict,  # so that one may be the default of a field
        forbid_unknown_fields=strict,
        omit_defaults=strict,
    )

    def pack(value: Any) -> Any:
        return struct(**{field: form.pack(get(value, field)) for field, _, form in parts})

    def pack_without_defaults(value: Any) -> Any:
        given = {field: form.pack(get(value, field)) for field, default, form in parts if get(value, field) != default}
        return struct(**given)

    def unpack(packed: Any) -> Any:
        return build(**{field: form.unpack(getattr(packed, field)) for field, _, form in parts})

    return _Form(struct, pack_without_defaults if strict else pack, unpack)


def _union(hint: Any, arguments: tuple[Any, ...], strict: bool) -> _Form:
    members = [one for one in arguments if one is not types.NoneType]
    if len(members) == 1:
        return _optional(_form_of(members[0], strict))
    if not any(map(_has_record, members)):
        return _plain(hint)
    if not all(map(_is_record, members)):
        raise TypeError(f"no codec for {hint}: records and other types together")
    # By name: a dataclass with slots replaces a class that may still be listed before it.
    kinds = {_name_of(kind): kind for one in members for kind in _with_subclasses(one)}
    forms = {kind: _record_of(kind, (), strict=strict, tagged=True) for kind in kinds.values()}
    by_type = {form.type: form for form in forms.values()}
    one_of = _Form(
        Union[tuple(by_type)],  # noqa: UP007 - of as many as there are
        lambda value: forms[type(value)].pack(value),
        lambda packed: by_type[type(packed)].unpack(packed),
    )
    return one_of if len(members) == len(arguments) else _optional(one_of)


def _name_of(kind: type) -> str:
    """Return the stable name of a class if it has one, so that a class may be renamed."""
    name: str = vars(kind).get("NAME", kind.__name__)
    return name


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    children: list[type] = kind.__subclasses__()
    for child in children:
        yield from _with_subclasses(child)


def _optional(form: _Form) -> _Form:
    if form.pack is _unchanged:
        return _plain(form.type | None)
    return _Form(
        form.type | None,
        lambda value: None if value is None else form.pack(value),
        lambda packed: None if packed is None else form.unpack(packed),
    )


def _many(item: _Form) -> _Form:
    pack, unpack = item.pack, item.unpack
    many: Any = types.GenericAlias(tuple, (item.type, ...))
    if pack is _unchanged:
        return _plain(many)
    return _Form(
        many,
        lambda values: tuple([pack(one) for one in values]),
        lambda packed: tuple([unpack(one) for one in packed]),
    )
