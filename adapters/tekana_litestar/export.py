"""Exports: whole lists in one response, read page by page while they are sent, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tekana import Page, Unavailable
from tekana_litestar.responses import JSON
from tekana_litestar.server_sent_events import Streams, mark_stream

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

NDJSON: Final = "application/x-ndjson"

ReadPage = Callable[[str | None], Awaitable[Page[Any]]]
"""Reads the page after a cursor."""


async def pages_of(read: ReadPage) -> AsyncIterator[tuple[Any, ...]]:
    """Yield the items of every page of a list; at least one page, which may be empty."""
    page = await read(None)
    yield page.items
    while page.next_cursor is not None:
        page = await read(page.next_cursor)
        yield page.items


class Export:
    """A response that is read while it is sent. It is counted among the streams, so that few are sent at a time.

    If a part cannot be read any more, the response ends without its last chunk, which clients notice.
    """

    def __init__(
        self, streams: Streams, parts: AsyncIterator[bytes], first: bytes, headers: Sequence[tuple[str, str]]
    ) -> None:
        self._streams = streams
        self._parts = parts
        self._first = first
        self._headers = headers

    @classmethod
    async def begin(
        cls,
        streams: Streams,
        parts: AsyncIterator[bytes],
        media_type: str = JSON,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Export:
        """Read the first part, and return the response, which sends it and the others.

        Args:
            streams: those of this worker.
            parts: yields the parts of the body.
            media_type: of the body.
            headers: further headers.
        """
        streams.enter()
        try:
            return cls(streams, parts, await anext(parts), (("Content-Type", media_type), *headers))
        except BaseException:
            streams.leave()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI app's shape
        """Send the parts."""
        try:
            mark_stream(scope)
            headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self._headers]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope.get("method") != "HEAD":
                await self._send_part(self._first, send)
                async for part in self._parts:
                    await self._send_part(part, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.leave()

    async def _send_part(self, part: bytes, send: Send) -> None:
        if self._streams.closing:
            raise Unavailable("the server stops: the export is not complete")
        if part:
            await send({"type": "http.response.body", "body": part, "more_body": True})
