"""Reading headers strictly: at most once each, and in the form that is expected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tekana.domain.errors import FieldError, invalid
from tekana_litestar.problems import IdempotencyKeyRequired, PreconditionRequired

if TYPE_CHECKING:
    from litestar.types import HTTPScope

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
_HOST: Final = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=%:@\[\]]*")
_VERSION: Final = re.compile(r'"([1-9][0-9]{0,17})"')


def single_header(scope: HTTPScope, name: bytes) -> str | None:
    """The header's value; None without one.

    Raises:
        InvalidRequest: it is given more than once.
    """
    found = None
    for key, value in scope["headers"]:
        if key == name:
            if found is not None:
                raise invalid(name.decode("ascii").title(), "is given more than once")
            found = value
    return None if found is None else found.decode("latin-1")


def is_host(value: bytes) -> bool:
    """Whether the value of a Host header names a host (RFC 3986, host and port)."""
    return _HOST.fullmatch(value) is not None


def check_host(scope: HTTPScope) -> None:
    """Raises InvalidRequest for a Host header that names no host."""
    for key, value in scope["headers"]:
        if key == b"host" and not is_host(value):
            raise invalid("Host", "must be a host, with or without a port")


def is_idempotency_key(value: bytes) -> bool:
    """Whether the value is 1 to 255 printable ASCII characters."""
    return _KEY.fullmatch(value.decode("latin-1")) is not None


def idempotency_key(scope: HTTPScope, *, required: bool) -> str | None:
    """The key that makes a repeated request harmless.

    Raises:
        InvalidRequest: it is required and missing, or is not 1 to 255 printable ASCII characters.
    """
    key = single_header(scope, b"idempotency-key")
    if key is None:
        if required:
            reason = "is missing: choose one for each movement of money, and repeat it when you retry"
            raise IdempotencyKeyRequired(FieldError("Idempotency-Key", reason))
        return None
    if not _KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
    return key


def expected_version(scope: HTTPScope) -> int | None:
    """The version that a change was made from, as `If-Match` tells it; None stands for any (`*`).

    Raises:
        InvalidRequest: it is missing, or is neither a version in double quotes nor *.
    """
    etag = single_header(scope, b"if-match")
    if etag is None:
        raise PreconditionRequired(FieldError("If-Match", 'is missing: send the ETag that you read, such as "3", or *'))
    if etag == "*":
        return None
    if not (version := _VERSION.fullmatch(etag)):
        raise invalid("If-Match", 'must be one version in double quotes, such as "3", or *')
    return int(version[1])
