"""A receiver of webhooks: an HTTP server on this machine that keeps what it is sent, and answers as a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]


class Received(NamedTuple):
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Json:
        """What it tells."""
        event: Json = msgspec.json.decode(self.body)
        return event


class Receiver:
    """`answer` gives the status for what was received; None: never answer. Each answer has these `headers` and `body`.

    received: everything that came in; accepted: what was answered with success.
    url: where it receives, a URL of 127.0.0.1, which only a tekana with `webhooks_allow_private` sends to.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self.answer: Callable[[Received], int | None] = lambda _: 200
        self.headers = ""
        self.body = b"thanks"
        self.url = ""

    @property
    def events(self) -> list[Json]:
        """What was told, in the order of arrival."""
        return [one.event for one in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines if one)}
                body = await reader.readexactly(int(headers["content-length"]))
                one = Received(first.split()[1], headers, body)
                self.received.append(one)
                status = self.answer(one)
                if status is None:
                    await asyncio.sleep(60)
                elif 200 <= status < 300:
                    self.accepted.append(one)
                said = f"HTTP/1.1 {status} x\r\n{self.headers}content-length: {len(self.body)}\r\n\r\n"
                writer.write(said.encode() + self.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(port: int = 0, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver at work on a port of 127.0.0.1; with `tls`, at https://."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=tls)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()
