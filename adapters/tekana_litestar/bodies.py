"""Reading a body: within the cap, declared as JSON, decoded strictly into what the core expects, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, get_args
from uuid import UUID

import msgspec

from tekana import FieldError, TekanaError
from tekana.application.commands.validation import read_number
from tekana.domain.errors import invalid
from tekana_litestar.headers import Headers, require_json, single_header
from tekana_litestar.identifiers import canonical_uuid
from tekana_litestar.problems import BodyTooLarge
from tekana_litestar.validation import convert, shortened

if TYPE_CHECKING:
    from litestar.types import Receive

BODY_BYTES_MAX: Final = 64 * 1024

# A body that is over the cap by no more than this is read to its end and discarded: to close the connection of a client
# that still sends would destroy the response on its way.
_DISCARDED_BYTES_MAX: Final = 1024 * 1024

_UUID_LENGTH: Final = 36

_NOTHING: Final[Mapping[str, Any]] = {}


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No body, or an empty object."""


class Body:
    """The body of one kind of request.

    Attributes:
        kinds: the Structs that it can be, often commands.
        name: how the documentation calls what remains of the Struct `without` some of its fields.
        doc: the description of that.
        without: the fields that come from the path or a header, not from the body.
        bytes_max: its cap.
        may_be_absent: whether no body stands for an empty object.
    """

    def __init__(
        self,
        kind: Any,
        *,
        name: str | None = None,
        doc: str | None = None,
        without: tuple[str, ...] = (),
        example: Mapping[str, Any] | None = None,
        bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        """Describe a body that is decoded into a Struct, or into one of a union of tagged Structs."""
        self.kinds: tuple[Any, ...] = get_args(kind) or (kind,)
        self.may_be_absent = all(one.name in without for one in msgspec.structs.fields(self.kinds[0]))
        self.name = "Nothing" if self.may_be_absent else name
        self.doc = doc
        self.without = without
        self._example = example
        self.bytes_max = bytes_max
        self._kind = kind
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind, float_hook=read_number)
        self._is_comparable = not without and all(one.__struct_config__.omit_defaults for one in self.kinds)

    @property
    def refusals(self) -> tuple[type[TekanaError], ...]:
        """The errors that the commands among its kinds are refused with."""
        return tuple(dict.fromkeys(one for kind in self.kinds for one in getattr(kind, "REFUSALS", ())))

    def examples(self) -> dict[str, dict[str, Any]]:
        """Return an example of each kind of body, by its tag or name."""
        return {
            str(one.__struct_config__.tag or self.name or one.__name__): {
                name: value
                for name, value in (self._example or getattr(one, "EXAMPLE", {})).items()
                if name not in self.without
            }
            for one in self.kinds
        }

    async def read(self, receive: Receive, headers: Headers, given: Mapping[str, Any]) -> Any:
        """Receive and decode the body of a request; `given` are the fields that come from the path.

        Raises:
            InvalidRequest: it is too large (413), is not declared as JSON (415), or is not what is expected (400).
        """
        body = await receive_body(receive, headers, self.bytes_max)
        if not body and self.may_be_absent:
            body = b"{}"
        else:
            require_json(headers)
        return self.decode(body, given)

    def decode(self, body: bytes, given: Mapping[str, Any] = _NOTHING) -> Any:
        """Decode the body. Raises InvalidRequest, naming the fields, for anything but what is expected."""
        if not body:
            raise invalid("body", "is empty: send a JSON object")
        if self.without:
            decoded = convert(_plain(body), self._kind, dict.fromkeys(self.without) | {**given})
        else:
            try:
                decoded = self._decoder.decode(body)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                decoded = convert(_plain(body), self._kind)
        if not (self._is_comparable and has_each_name_once(body, decoded)):
            _reject_duplicate_names_and_odd_uuids(decoded, _pairs.decode(body.decode()))
        return decoded


async def receive_body(receive: Receive, headers: Headers, bytes_max: int) -> bytes:
    """Receive a body to its end. Raises BodyTooLarge if it is over the cap, InvalidRequest if it has no end."""
    declared = single_header(headers, b"content-length") or ""
    read_max = bytes_max + _DISCARDED_BYTES_MAX
    if declared.isdecimal() and int(declared[:20]) > read_max:
        raise too_large(bytes_max)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise invalid("body", "was cut short")
        size += len(message["body"])
        if size <= bytes_max:
            chunks.append(message["body"])
        if not message.get("more_body", False) or size > read_max:
            break
    if size > bytes_max:
        raise too_large(bytes_max)
    return b"".join(chunks)


def too_large(bytes_max: int) -> BodyTooLarge:
    """Return the refusal of a body that is over this cap."""
    return BodyTooLarge(FieldError("body", f"must be at most {size_in_words(bytes_max)}"))


def size_in_words(size: int) -> str:
    """Return a size in bytes in whole KiB, or MiB."""
    kib = size // 1024
    return f"{kib} KiB" if kib < 1024 else f"{kib // 1024} MiB"


_decode_plain: Final = msgspec.json.Decoder(float_hook=read_number).decode


def _plain(body: bytes) -> Any:
    try:
        return _decode_plain(body)
    except RecursionError:
        raise invalid("body", "is nested too deep") from None
    except (msgspec.DecodeError, UnicodeError):
        raise invalid("body", _malformed(body)) from None


def _malformed(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "is not valid UTF-8"
    if re.search(rb"\\u[dD][89a-fA-F]", body):
        return "is not valid JSON, or holds half of a surrogate pair"
    return "is not valid JSON"


# ---------------------------------------------------------------------- what msgspec accepts and tekana does not


_BARE_UUID: Final = re.compile(rb'"[0-9a-fA-F]{32}"')

_encode: Final = msgspec.json.Encoder().encode


def has_each_name_once(body: bytes, decoded: object) -> bool:
    """Return whether it is certain that no name is given twice, and that each UUID has its hyphens.

    False means that it is unknown. Why True is certain: without a backslash, quotes are only the ends of names and
    texts. What is encoded without defaults was in the body, with as many quotes; a name given twice has more.

    Args:
        body: a JSON object.
        decoded: what was decoded from all of it: a Struct that omits defaults.
    """
    return b"\\" not in body and _encode(decoded).count(b'"') == body.count(b'"') and _BARE_UUID.search(body) is None


def _reject_duplicate_names_and_odd_uuids(decoded: Any, raw: dict[Any, Any], inside: str = "") -> None:
    """Refuse names given twice, of which readers differ on which one counts, and UUIDs in an unusual form."""
    _reject_duplicate_names(raw, inside)
    for name, value in raw.items():
        kind = type(value)
        if kind is str:
            if len(value) != _UUID_LENGTH and isinstance(getattr(decoded, name, None), UUID):  # the rest is checked
                canonical_uuid(inside + name, value)
        elif kind is dict:
            _reject_duplicate_names(value, f"{inside}{name}.")
        elif kind is list:
            for index, (one, inner) in enumerate(zip(getattr(decoded, name), value, strict=True)):
                if type(inner) is dict:
                    _reject_duplicate_names_and_odd_uuids(one, inner, f"{inside}{name}[{index}].")


def _reject_duplicate_names(raw: dict[Any, Any], inside: str) -> None:
    if _DUPLICATE in raw:
        raise invalid(inside + shortened(raw[_DUPLICATE]), "is given twice")


_DUPLICATE: Final = object()


def _note_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        found[_DUPLICATE] = next(name for name in times if times[name] > 1)
    return found


# Numbers stay text: they are not looked at, and huge ones are slow to convert.
_pairs: Final = json.JSONDecoder(object_pairs_hook=_note_duplicate_names, parse_int=str, parse_float=str)
