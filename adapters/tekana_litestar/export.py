"""Exports: whole lists as JSON lines, read page by page while they are sent, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from tekana import Page, Unavailable
from tekana_litestar.server_sent_events import Streams

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

NDJSON: Final = "application/x-ndjson"

_Read = Callable[[str | None], Awaitable[Page[Any]]]
"""Reads the page after a cursor."""


class Export:
    """A response with all items of a list. It is counted among the streams, so that few are sent at a time.

    If a page cannot be read any more, the response ends without its last chunk, which clients notice.
    """

    def __init__(self, streams: Streams, read: _Read, write: Callable[[Any], bytes], first: Page[Any]) -> None:
        self._streams = streams
        self._read = read
        self._write = write
        self._first = first

    @classmethod
    async def begin(cls, streams: Streams, read: _Read, write: Callable[[Any], bytes]) -> Export:
        """Read the first page, and return the response, which sends it and the others.

        Args:
            streams: those of this worker.
            read: reads a page of the list.
            write: makes the line of an item.
        """
        streams.enter()
        try:
            return cls(streams, read, write, await read(None))
        except BaseException:
            streams.leave()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI app's shape
        """Send the lines, page by page."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", NDJSON.encode())]})
            page: Page[Any] | None = self._first if scope.get("method") != "HEAD" else None
            while page is not None:
                if self._streams.closing:
                    raise Unavailable("the server stops: the export is not complete")
                body = b"".join(map(self._write, page.items))
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                page = None if page.next_cursor is None else await self._read(page.next_cursor)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.leave()
