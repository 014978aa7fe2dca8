"""A receiver of webhooks: an HTTP server on this machine that keeps what it gets, and answers as a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]


class Received(NamedTuple):
    """A request as it came in, and when, in seconds of the monotonic clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = 0.0

    @property
    def event(self) -> Json:
        """The event in the body."""
        event: Json = msgspec.json.decode(self.body)
        return event


class Receiver:
    """Receives webhooks until its context ends.

    answer: gives the status for a request; None: never answer.
    headers, body: what each answer has. declared_length: its Content-Length, if that is not the length of the body.
    requests_per_connection: after so many answers, a kept connection is closed when the next request comes in.
    may_answer: while it is not set, answers wait.
    received: all requests. accepted: those that were answered with a status of 2xx.
    connections: how many were accepted. open_connections: how many of them are open now.
    url: where it receives, a URL of 127.0.0.1, to which only a tekana with `webhooks_allow_private` sends.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self.answer: Callable[[Received], int | None] = lambda _: 200
        self.headers = ""
        self.body = b"thanks"
        self.declared_length: int | None = None
        self.requests_per_connection: int | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.connections = 0
        self.open_connections = 0
        self.url = ""

    @property
    def events(self) -> list[Json]:
        """The events received, in the order of arrival."""
        return [one.event for one in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.open_connections += 1
        answered = 0
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if answered == self.requests_per_connection:
                    return
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines if one)}
                body = await reader.readexactly(int(headers["content-length"]))
                one = Received(first.split()[1], headers, body, monotonic())
                self.received.append(one)
                status = self.answer(one)
                await self.may_answer.wait()
                if status is None:
                    await reader.read()  # until the other side gives up
                    return
                if 200 <= status < 300:
                    self.accepted.append(one)
                length = len(self.body) if self.declared_length is None else self.declared_length
                writer.write(
                    f"HTTP/1.1 {status} x\r\n{self.headers}content-length: {length}\r\n\r\n".encode() + self.body
                )
                await writer.drain()
                answered += 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()


@asynccontextmanager
async def receiving(port: int = 0, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver on a port of 127.0.0.1; with `tls`, at https://."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=tls)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()
