"""Streams: the event feed as Server-Sent Events, until the client or the server ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tekana import EventsDropped, Overloaded, PageRequest, Session, Unauthenticated, Unavailable
from tekana.ports.events import Events, FeedEvent
from tekana.ports.page import PAGE_SIZE_MAX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import Receive, Scope, Send

EVENT_STREAM: Final = "text/event-stream"

MOST_STREAMS: Final = 100
"""How many streams one worker serves at a time."""

_LOOK: Final = 0.5
_HEARTBEAT: Final = 15.0


def mark_stream(scope: Scope) -> None:
    """Mark the response of a request as a stream, which lasts as long as both sides like."""
    scope.setdefault("state", {})["is_stream"] = True


def is_stream(scope: Scope) -> bool:
    """Return whether the response of a request is a stream."""
    return scope["state"].get("is_stream") is True


class TooManyStreams(Overloaded):
    """This worker serves as many streams as it may."""

    retry_after = 5


class Streams:
    """The streams that one worker serves. They read new events at the same moments, once for all of a tenant's."""

    def __init__(self) -> None:
        self._served = 0
        self._closing = asyncio.Event()
        self._reading: dict[tuple[str, str | None], asyncio.Task[Sequence[FeedEvent]]] = {}

    @property
    def closing(self) -> bool:
        """Whether the server is about to stop."""
        return self._closing.is_set()

    def close(self) -> None:
        """End all streams, and let no other begin: the server is about to stop."""
        self._closing.set()

    def enter(self) -> None:
        """Count one stream more, until `leave`. Raises TooManyStreams."""
        if self._closing.is_set():
            raise TooManyStreams("this server is about to stop")
        if self._served >= MOST_STREAMS:
            raise TooManyStreams(f"{MOST_STREAMS} clients follow the events here already")
        self._served += 1

    def leave(self) -> None:
        """Count one stream less."""
        self._served -= 1

    async def read(self, tenant: str, events: Events, cursor: str | None) -> Sequence[FeedEvent]:
        """Return what comes after the cursor, PAGE_SIZE_MAX events at most.

        Streams of one tenant that ask from the same position while it is being read, as all do that are up to date,
        share the result.
        """
        place = (tenant, cursor)
        reading = self._reading.get(place)
        if reading is None:
            reading = self._reading[place] = asyncio.create_task(_read(events, cursor))

            def done(task: asyncio.Task[Sequence[FeedEvent]]) -> None:
                del self._reading[place]
                if not task.cancelled():
                    task.exception()  # perhaps no stream waits for it any more

            reading.add_done_callback(done)
        return await asyncio.shield(reading)

    async def next_look(self, gone: asyncio.Task[None]) -> bool:
        """Wait until it is time to look again; False once the client is gone or the server is about to stop."""
        closing = asyncio.create_task(self._closing.wait())
        now = asyncio.get_running_loop().time()
        try:
            ended, _ = await asyncio.wait(
                {gone, closing}, timeout=_LOOK - now % _LOOK, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            closing.cancel()
        return not ended


async def _read(events: Events, cursor: str | None) -> Sequence[FeedEvent]:
    return (await events.list(PageRequest(PAGE_SIZE_MAX, cursor))).items


class EventStream:
    """A response that does not end by itself. It is counted among the `streams` already.

    Attributes:
        session: whose events it sends.
        confirm: checks that the caller's credential is still valid.
        first: the events to begin with, which come after the cursor.
        write: makes the bytes of one; none for one that is left out.
    """

    def __init__(
        self,
        streams: Streams,
        session: Session,
        confirm: Callable[[], Awaitable[None]],
        first: Sequence[FeedEvent],
        cursor: str | None,
        write: Callable[[FeedEvent], bytes],
    ) -> None:
        self._streams = streams
        self._session = session
        self._confirm = confirm
        self._first = first
        self._cursor = cursor
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is and what comes, until the client is gone or the server is about to stop."""
        try:
            # Proxies that buffer responses would hold events back.
            mark_stream(scope)
            headers = [(b"content-type", EVENT_STREAM.encode()), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope.get("method") != "HEAD":
                await self._follow(receive, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.leave()

    async def _follow(self, receive: Receive, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        gone = asyncio.create_task(_until_gone(receive))
        new: Sequence[FeedEvent] = self._first
        body = b":\n\n"  # a comment, so that the client knows at once that it is connected
        said_at = 0.0
        try:
            while not gone.done() and not self._streams.closing:
                if new:
                    self._cursor = new[-1].cursor
                    body += b"".join(map(self._write, new))
                if not body and clock() - said_at >= _HEARTBEAT:
                    body = b":\n\n"
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    body, said_at = b"", clock()
                if not new and not await self._streams.next_look(gone):
                    return
                try:
                    await self._confirm()
                    new = await self._streams.read(self._session.caller.tenant, self._session.events, self._cursor)
                except Unavailable:
                    new = ()  # the store is away for now: the stream outlasts that
                except Unauthenticated:
                    return  # a key that is not valid any more
                except EventsDropped:
                    return  # a client that was so slow asks again, and gets 410
        finally:
            gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
