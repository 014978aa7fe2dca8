"""Reading headers strictly: at most once each, without the blanks around their values, and in the form expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from tekana.domain.errors import FieldError, invalid
from tekana_litestar.problems import IdempotencyKeyRequired, PreconditionRequired, WrongContentType
from tekana_litestar.responses import JSON

Headers = Iterable[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""

_KEY_LENGTH_MAX: Final = 255
_HOST: Final = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=%:@\[\]]*")
_ETAG: Final = re.compile(r'(W/)?"([1-9][0-9]{0,17})"')
_PARAMETER: Final = re.compile(
    r"""\s*(?:([\w!#$%&'*+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[\w!#$%&'*+.^`|~-]+)\s*)?""", re.ASCII
)
_MEDIA_RANGE: Final = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]+/(\*|[a-z0-9!#$&^_.+-]+)")
_WEIGHT: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")
_BLANKS: Final = b" \t"  # RFC 9110, 5.5: they are no part of a value


def single_header(headers: Headers, name: bytes) -> str | None:
    """Return the header's value, or None without one.

    Raises:
        InvalidRequest: it is given more than once.
    """
    found = None
    for key, value in headers:
        if key == name:
            if found is not None:
                raise invalid(name.decode("ascii").title(), "is given more than once")
            found = value
    return None if found is None else found.strip(_BLANKS).decode("latin-1")


@lru_cache(maxsize=256)  # clients send the same one with each request
def is_host(value: bytes) -> bool:
    """Return whether the value of a Host header names a host (RFC 3986, host and port)."""
    return _HOST.fullmatch(value) is not None


def check_host(headers: Headers, http_version: str) -> None:
    """Raise InvalidRequest unless one Host header names a host (RFC 9112, 3.2); HTTP/1.0 may have none."""
    host = single_header(headers, b"host")
    if host is None and http_version == "1.1":
        raise invalid("Host", "is missing")
    if host is not None and not is_host(host.encode("latin-1")):
        raise invalid("Host", "must be a host, with or without a port")


def is_idempotency_key(value: bytes) -> bool:
    """Return whether the value is 1 to 255 printable ASCII characters."""
    return 1 <= len(value) <= _KEY_LENGTH_MAX and value.isascii() and value.decode("ascii").isprintable()


def idempotency_key(headers: Headers, *, required: bool) -> str | None:
    """Return the key that makes a repeated request harmless.

    Raises:
        InvalidRequest: it is required and missing, or is not 1 to 255 printable ASCII characters.
    """
    key = single_header(headers, b"idempotency-key")
    if key is None:
        if required:
            reason = "is missing: choose one for each movement of money, and repeat it when you retry"
            raise IdempotencyKeyRequired(FieldError("Idempotency-Key", reason))
        return None
    check_idempotency_key("Idempotency-Key", key)
    return key


def check_idempotency_key(field: str, key: str) -> None:
    """Raise InvalidRequest unless the key is 1 to 255 printable ASCII characters."""
    if not is_idempotency_key(key.encode()):
        raise invalid(field, "must be 1 to 255 printable ASCII characters")


def expected_versions(headers: Headers) -> frozenset[int] | None:
    """Return the versions that `If-Match` allows; None stands for any (`*`).

    `If-Match` compares strongly (RFC 9110, 8.8.3.2), so that a weak tag allows no version.

    Raises:
        InvalidRequest: it is missing, or is neither * nor a list of versions in double quotes.
    """
    given = single_header(headers, b"if-match")
    if given is None:
        raise PreconditionRequired(FieldError("If-Match", 'is missing: send the ETag that you read, such as "3", or *'))
    if given == "*":
        return None
    tags = [_ETAG.fullmatch(one.strip()) for one in given.split(",")]
    if not all(tags):
        raise invalid("If-Match", 'must be versions in double quotes, such as "3", or *')
    return frozenset(int(tag[2]) for tag in tags if tag and not tag[1])


def require_json(headers: Headers) -> None:
    """Raise WrongContentType unless the body is declared as JSON in UTF-8. Other parameters make no difference."""
    declared = single_header(headers, b"content-type")
    if declared != JSON and not (declared and _is_json(declared)):
        raise WrongContentType(FieldError("Content-Type", "must be application/json, in UTF-8"))


def _is_json(declared: str) -> bool:
    media_type, *parameters = declared.split(";")
    found = [_PARAMETER.fullmatch(one) for one in parameters]
    charsets = [one[2].strip('"').lower() for one in found if one and (one[1] or "").lower() == "charset"]
    return media_type.strip().lower() == JSON and all(found) and charsets in ([], ["utf-8"])


def accepts(headers: Headers, media_type: str) -> bool:
    """Return whether `Accept` names this media type, in lower case, with a weight above 0."""
    for line in (value.decode("latin-1").lower() for name, value in headers if name == b"accept"):
        for one in line.split(","):
            name, *parameters = (part.strip() for part in one.split(";"))
            if name == media_type:
                return not any(re.fullmatch(r"q=0(\.0{0,3})?", part) for part in parameters)
    return False


def preferred(headers: Headers, offered: Sequence[str]) -> str | None:
    """Return the offered media type, in lower case, that `Accept` gives the greatest weight; None if it allows none.

    Of those with the same weight it is the first one that is offered, also without the header.
    """
    lines = [value.decode("latin-1").lower() for name, value in headers if name == b"accept"]
    ranges = [one for line in lines for one in map(_weighted, line.split(",")) if one is not None]
    if not ranges:
        return offered[0]
    weights = {one: _weight_of(one, ranges) for one in offered}
    best = max(offered, key=lambda one: weights[one])
    return best if weights[best] > 0 else None


def _weighted(text: str) -> tuple[str, float] | None:
    """Return a media range with its weight; None if it is malformed."""
    name, *parameters = (part.strip() for part in text.split(";"))
    if not _MEDIA_RANGE.fullmatch(name):
        return None
    weights = [_WEIGHT.fullmatch(one) for one in parameters]
    return name, next((float(one[1]) for one in weights if one), 1.0)


def _weight_of(media_type: str, ranges: Iterable[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that covers the media type; 0 if none does."""
    covering = [
        (specificity, weight)
        for name, weight in ranges
        for specificity, pattern in enumerate(("*/*", f"{media_type.partition('/')[0]}/*", media_type))
        if name == pattern
    ]
    return max(covering)[1] if covering else 0.0
