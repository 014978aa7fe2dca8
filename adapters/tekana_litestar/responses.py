"""Answers as they leave: bytes that were encoded once, by one encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain"

# Keys of metadata are sorted, so that a repeated answer is the first one byte for byte, in whatever order a store
# gives them back.
encode = msgspec.json.Encoder(order="deterministic").encode

Headers = Iterable[tuple[str, str]]


class Answer:
    """A whole answer, as an ASGI app that sends itself: Litestar passes it on without another look.

    The client gets all of it at once. For `pause` seconds after it, its connection's next request is left alone.
    """

    __slots__ = ("body", "headers", "pause", "status")

    def __init__(
        self, status: int, body: bytes = b"", headers: Headers = (), *, media_type: str = JSON, pause: float = 0
    ) -> None:
        self.status = status
        self.body = body
        self.pause = pause
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if status != 204:
            self.headers.append((b"content-length", b"%d" % len(body)))
        if body:
            self.headers.append((b"content-type", media_type.encode("latin-1")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI app's shape
        """Send the answer; to HEAD, without its body."""
        body = b"" if scope.get("method") == "HEAD" else self.body
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if self.pause:  # the end of an answer is told to the server alone, and lets it go on to the next request
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(self.pause)
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})


def answer(status: int, content: msgspec.Struct, *headers: tuple[str, str]) -> Answer:
    """An answer in JSON."""
    return Answer(status, encode(content), headers)
