"""Responses: each is an ASGI app that sends itself, so that Litestar passes it on as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain"

# Keys of metadata are sorted, so that a repeated response is the first one byte for byte, in whatever order a store
# gives them back.
encode = msgspec.json.Encoder(order="deterministic").encode


class Response(Protocol):
    """What a handler returns: a whole response in any media type, or a stream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""


class HttpResponse:
    """A whole response: status, headers in lower case, and body.

    The client gets all of it at once. For `pause_seconds` after it, the next request of its connection is not read.
    """

    __slots__ = ("_headers", "_media_type", "body", "pause_seconds", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        *,
        media_type: str = JSON,
        pause_seconds: float = 0,
    ) -> None:
        self.status = status
        self.body = body
        self.pause_seconds = pause_seconds
        self._headers = headers
        self._media_type = media_type

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers, with those of the body."""
        headers = [(name.lower(), value) for name, value in self._headers]
        if self.status != 204:
            headers.append(("content-length", str(len(self.body))))
        if self.body:
            headers.append(("content-type", self._media_type.lower()))
        return headers

    def to_asgi_response(self, *_: Any, **__: Any) -> HttpResponse:
        """Return itself: what Litestar calls of the response of an exception handler."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI app's shape
        """Send the response; to HEAD, without its body."""
        body = b"" if scope.get("method") == "HEAD" else self.body
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if self.pause_seconds:  # the server reads the connection's next request after the end of this response
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(self.pause_seconds)
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})


def replay_header(replayed: bool) -> tuple[tuple[str, str], ...]:
    """Return the header that marks a repeated response."""
    return (("Idempotency-Replayed", "true"),) if replayed else ()


def json_response(
    status: int, content: msgspec.Struct, *headers: tuple[str, str], replayed: bool = False
) -> HttpResponse:
    """Return a response in JSON."""
    return HttpResponse(status, encode(content), (*headers, *replay_header(replayed)))
