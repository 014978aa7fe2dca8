"""Requests from pages of other origins (CORS), which browsers allow only where a response names the page's origin.

Credentials are in the `Authorization` header, never in cookies, so browsers need not send any of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from litestar.config.cors import CORSConfig

from tekana_litestar.responses import HttpResponse

if TYPE_CHECKING:
    from litestar.types import HTTPScope

_REQUEST_HEADERS: Final = [
    *("Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "X-Request-ID")
]
_RESPONSE_HEADERS: Final = [
    *("ETag", "Idempotency-Replayed", "Location"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
]
_MAX_AGE_SECONDS: Final = 3600
_VARY: Final = (b"vary", b"Origin")

Header = tuple[bytes, bytes]


class Cors:
    """The headers that let the pages of some origins send requests."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._is_on = bool(origins)
        self._config = CORSConfig(
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_RESPONSE_HEADERS,
            max_age=_MAX_AGE_SECONDS,
        )

    def headers(self, request_headers: Iterable[Header]) -> list[Header]:
        """Return the headers to add to the response to a request."""
        if not self._is_on:
            return []
        origin = _origin(request_headers)
        if origin is None or not self._config.is_origin_allowed(origin):
            return [_VARY]
        allowed = [(b"access-control-allow-origin", origin.encode("latin-1")), _VARY]
        return [*allowed, *((name.lower().encode(), value.encode()) for name, value in self._exposed())]

    def preflight(self, scope: HTTPScope) -> HttpResponse | None:
        """Return the response to a browser's question what it may send, if the request is one of an allowed origin."""
        if not self._is_on or scope["method"] != "OPTIONS":
            return None
        headers = scope["headers"]
        origin = _origin(headers)
        asks = any(name == b"access-control-request-method" for name, _ in headers)
        if not asks or origin is None or not self._config.is_origin_allowed(origin):
            return None
        # `Vary` and the origin are among the headers of every response.
        kept = {"Access-Control-Max-Age", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods"}
        return HttpResponse(204, headers=[one for one in self._config.preflight_headers.items() if one[0] in kept])

    def _exposed(self) -> Iterable[tuple[str, str]]:
        return (one for one in self._config.simple_headers.items() if one[0] != "Access-Control-Allow-Origin")


def _origin(headers: Iterable[Header]) -> str | None:
    """Return the origin of the page that a request comes from; None also if it is given twice."""
    found = [value for name, value in headers if name == b"origin"]
    return found[0].decode("latin-1") if len(found) == 1 else None
