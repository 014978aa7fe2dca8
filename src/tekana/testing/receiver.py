"""A receiver of webhooks: a local HTTP server that records requests, with configurable responses."""

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
    """A received request. `at` is the time of its arrival, in seconds of the monotonic clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = 0.0

    @property
    def event(self) -> Json:
        """Return the event in the body."""
        event: Json = msgspec.json.decode(self.body)
        return event


class Receiver:
    """Receives webhooks until its context ends.

    Attributes:
        answer: returns the status for a request; None: never respond.
        headers, body: of each response.
        declared_length: the Content-Length of responses, if it is not the length of the body.
        requests_per_connection: the number of responses after which a connection is closed by the next request.
        may_answer: while it is not set, responses wait.
        received: all requests.
        accepted: the requests with a response of status 2xx.
        connections: the number of accepted connections.
        open_connections: the number of open connections.
        url: the URL of the receiver, on 127.0.0.1: tekana sends to it only with `webhooks_allow_private`.
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
        """Return the received events, in order of arrival."""
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
                    await reader.read()  # until the client closes the connection
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
    """Run a receiver on 127.0.0.1 until the context ends.

    Args:
        port: the port; 0 chooses a free one.
        tls: the TLS configuration for https://; None for http://.
    """
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=tls)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()
