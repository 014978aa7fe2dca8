"""Reading a body: within the cap, declared as JSON, decoded strictly into what the core expects, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, Generic, TypeVar, get_type_hints
from uuid import UUID

import msgspec

from tekana import FieldError, InvalidRequest
from tekana.domain.errors import invalid
from tekana_litestar.headers import single_header
from tekana_litestar.identifiers import canonical_uuid
from tekana_litestar.json_names import has_each_name_once
from tekana_litestar.problems import BodyTooLarge, WrongContentType
from tekana_litestar.request import Request

LARGEST_BODY: Final = 64 * 1024

LARGEST_BATCH_BODY: Final = 1024 * 1024

# A body that is over the cap by no more than this is read to its end and thrown away: to hang up on a client that still
# sends would destroy the answer on its way.
_MOST_DISCARDED: Final = 1024 * 1024

_UUID_LENGTH: Final = 36

_JSON_TYPE: Final = re.compile(r'application/json(?:\s*;\s*charset\s*=\s*"?utf-8"?)?\s*', re.IGNORECASE)

T = TypeVar("T")


class BodyReader(Generic[T]):
    """Reads bodies of one kind: a msgspec Struct, or a union of tagged ones. `largest` is their cap, in bytes."""

    def __init__(self, kind: Any, *, may_be_absent: bool = False, largest: int = LARGEST_BODY) -> None:
        self.kind = kind
        self.largest = largest
        self.may_be_absent = may_be_absent
        self._absent: T | None = kind() if may_be_absent else None
        self._tags = _tags(kind)
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)

    async def __call__(self, request: Request) -> T:
        """Read and decode the request's body.

        Raises:
            InvalidRequest: it is too large (413), is not declared as JSON (415), or is not what is expected (400).
        """
        body = await _receive(request, self.largest)
        if not body and self._absent is not None:
            return self._absent
        _require_json(request)
        return self.decode(body)

    def decode(self, body: bytes) -> T:
        """Raises InvalidRequest, naming the field, for anything but what is expected."""
        if not body:
            raise invalid("body", "is empty: send a JSON object")
        try:
            decoded = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise self._explained(error) from error
        except RecursionError:
            raise invalid("body", "is nested too deep") from None
        except (msgspec.DecodeError, UnicodeError):
            raise invalid("body", _malformed(body)) from None
        if not has_each_name_once(body, decoded):
            _reject_duplicate_names_and_odd_uuids(decoded, _pairs.decode(body.decode()))
        return decoded

    def _explained(self, error: msgspec.ValidationError) -> InvalidRequest:
        found = _PLACE.fullmatch(str(error))
        message, path = (found[1], found[2].removeprefix(".")) if found else (str(error), "")
        field = path.partition("[...]")[0]
        inside = f"{field}." if field else ""
        if isinstance(error.__cause__, InvalidRequest):  # raised by the command itself, on checking its fields
            return InvalidRequest(*(one._replace(field=inside + one.field) for one in error.__cause__.errors))
        if found := re.match(r"Object missing required field `(.*)`$", message, re.DOTALL):
            return invalid(inside + found[1], "is missing")
        if found := re.match(r"Object contains unknown field `(.*)`$", message, re.DOTALL):
            return invalid(inside + _shortened(found[1]), "is not a field of this body")
        if re.search(r"(^|\.)type$", field) and self._tags:
            return invalid(field, f"must be one of: {', '.join(self._tags)}")
        return invalid(field or "body", _in_words(message))


# What went wrong, and where, as msgspec says it. Metadata's own names are not told, but [...].
_PLACE: Final = re.compile(r"(.*) - at `\$((?:\.\w+|\[\d+\]|\[\.\.\.\])+)`", re.DOTALL)


def _reject_duplicate_names_and_odd_uuids(decoded: Any, raw: dict[Any, Any], inside: str = "") -> None:
    """Names given twice, of which readers differ on which one counts, and UUIDs in other forms than the usual one."""
    _refuse_names_given_twice(raw, inside)
    for name, its_raw in raw.items():
        kind = type(its_raw)
        if kind is str:
            if len(its_raw) != _UUID_LENGTH and isinstance(getattr(decoded, name, None), UUID):  # the rest is checked
                canonical_uuid(inside + name, its_raw)
        elif kind is dict:
            _refuse_names_given_twice(its_raw, f"{inside}{name}.")
        elif kind is list:
            for index, (one, inner) in enumerate(zip(getattr(decoded, name), its_raw, strict=True)):
                if type(inner) is dict:
                    _reject_duplicate_names_and_odd_uuids(one, inner, f"{inside}{name}[{index}].")


def _refuse_names_given_twice(raw: dict[Any, Any], inside: str) -> None:
    if _TWICE in raw:
        raise invalid(inside + _shortened(raw[_TWICE]), "is given twice")


_TWICE: Final = object()


def _noting_names_given_twice(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        found[_TWICE] = next(name for name in times if times[name] > 1)
    return found


# Numbers stay text: nobody looks at them, and huge ones are slow to convert.
_pairs: Final = json.JSONDecoder(object_pairs_hook=_noting_names_given_twice, parse_int=str, parse_float=str)


async def _receive(request: Request, largest: int) -> bytes:
    declared = single_header(request.scope, b"content-length") or ""
    most_read = largest + _MOST_DISCARDED
    if declared.isdecimal() and int(declared[:20]) > most_read:
        raise too_large(largest)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise invalid("body", "was cut short")
        size += len(message["body"])
        if size <= largest:
            chunks.append(message["body"])
        if not message.get("more_body", False) or size > most_read:
            break
    if size > largest:
        raise too_large(largest)
    return b"".join(chunks)


def too_large(largest: int) -> BodyTooLarge:
    """The refusal of a body that is over this cap, in bytes."""
    return BodyTooLarge(FieldError("body", f"must be at most {in_words(largest)}"))


def in_words(size: int) -> str:
    """A size in bytes as people say it: whole KiB, or MiB."""
    kib = size // 1024
    return f"{kib} KiB" if kib < 1024 else f"{kib // 1024} MiB"


def _require_json(request: Request) -> None:
    declared = single_header(request.scope, b"content-type")
    if declared is None or not _JSON_TYPE.fullmatch(declared):
        raise WrongContentType(FieldError("Content-Type", "must be application/json, in UTF-8"))


def _malformed(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "is not valid UTF-8"
    if re.search(rb"\\u[dD][89a-fA-F]", body):
        return "is not valid JSON, or holds half of a surrogate pair"
    return "is not valid JSON"


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


def _in_words(message: str) -> str:
    if found := re.match(r"Expected `(.*?)`(?:, got `(.*)`)?$", message):
        wanted = " or ".join(_KINDS.get(one, one) for one in found[1].split(" | "))
        return f"must be {wanted}, not {_KINDS.get(found[2], found[2])}" if found[2] else f"must be {wanted}"
    if message == "Invalid UUID":
        return "must be a UUID, such as 019a3c52-7f00-7000-8000-000000000001"
    if "datetime" in message:
        return "must be a time in RFC 3339 form with its offset, such as 2026-01-31T12:00:00Z"
    if "out of range" in message:
        return "is a number out of range"
    return "is not one of the values allowed here"


def _shortened(name: str) -> str:
    return name if len(name) <= 64 else f"{name[:63]}…"


def _tags(kind: Any) -> list[str]:
    """The types among which a body, or each element of a list in it, has to say what it is."""
    config = getattr(kind, "__struct_config__", None)
    if config is not None and config.tag is not None:
        return [str(config.tag)]
    parts = getattr(kind, "__args__", ()) if config is None else get_type_hints(kind).values()
    return list(dict.fromkeys(tag for part in parts for tag in _tags(part)))
