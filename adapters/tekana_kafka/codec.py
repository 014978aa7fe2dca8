"""Values of the core as JSON and back, by their type hints alone: no query and no answer needs code of its own.

What msgspec can tell apart is as msgspec writes it. A value that may be of one of several classes is the pair
`[name of the class, value]`; a NamedTuple is the list of its fields.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

_encode = msgspec.json.Encoder().encode


class Codec(NamedTuple):
    """How values of one type are written and read. `decode` raises msgspec.DecodeError for anything else."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes | msgspec.Raw], Any]


@cache
def codec_of(hint: Any) -> Codec:
    """The codec for a type as it stands in an annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        classes = {kind.__name__: kind for one in arguments if isinstance(one, type) for kind in _with_subclasses(one)}
        if len(arguments) > 1 and types.NoneType not in arguments and len(classes) >= len(arguments):
            return _one_of(classes)
    if origin is tuple and arguments[1:] == (...,):
        return _many(codec_of(arguments[0]))
    kind = origin or hint
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        means = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
        return _fields(kind, [codec_of(_filled_in(hints[name], means)) for name in kind._fields])
    return Codec(_encode, msgspec.json.Decoder(hint).decode)


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    children: list[type] = kind.__subclasses__()
    for child in children:
        yield from _with_subclasses(child)


def _filled_in(hint: Any, means: dict[Any, Any]) -> Any:
    """The hint of a generic class's field, with what its type variables stand for."""
    if isinstance(hint, TypeVar):
        return means[hint]
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(means[one] for one in parameters)] if parameters else hint


def _one_of(classes: dict[str, type]) -> Codec:
    read_pair = msgspec.json.Decoder(tuple[str, msgspec.Raw]).decode

    def encode(value: Any) -> bytes:
        kind: Any = type(value)
        return _encode((kind.__name__, msgspec.Raw(codec_of(kind).encode(value))))

    def decode(data: bytes | msgspec.Raw) -> Any:
        name, value = read_pair(data)
        if name not in classes:
            raise msgspec.ValidationError(f"{name!r} is none of {', '.join(sorted(classes))}")
        return codec_of(classes[name]).decode(value)

    return Codec(encode, decode)


def _many(item: Codec) -> Codec:
    read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
    return Codec(
        lambda values: _encode([msgspec.Raw(item.encode(one)) for one in values]),
        lambda data: tuple([item.decode(one) for one in read_list(data)]),
    )


def _fields(kind: Any, codecs: list[Codec]) -> Codec:
    read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def decode(data: bytes | msgspec.Raw) -> Any:
        values = read_list(data)
        if len(values) != len(codecs):
            raise msgspec.ValidationError(f"{kind.__name__} has {len(codecs)} fields, not {len(values)}")
        return kind(*[codec.decode(value) for codec, value in zip(codecs, values, strict=True)])

    return Codec(
        lambda value: _encode([msgspec.Raw(codec.encode(one)) for codec, one in zip(codecs, value, strict=True)]),
        decode,
    )
