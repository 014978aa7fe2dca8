"""Requests to an app: directly by ASGI, or over a socket, where hot routes are served as well."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

from litestar import Litestar

from tests.integration.raw_http import Peer

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Sent(NamedTuple):
    """A request.

    Attributes:
        headers: without the host; names are in lower case.
        body: in JSON; None for none.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None

    def with_credential(self, *headers: tuple[str, str]) -> Sent:
        """Return the request with these headers before its own."""
        return self._replace(headers=(*headers, *self.headers))

    def encoded(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return the headers and the body in bytes."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        more = [] if self.body is None else [("content-type", "application/json"), ("content-length", str(len(body)))]
        named = [("host", "tekana.test"), *self.headers, *more]
        return [(name.encode(), value.encode("latin-1")) for name, value in named], body


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)

    def without_ids(self) -> str:
        """Return the body without identifiers, in which the answers about foreign and absent objects may differ."""
        return _UUID.sub("<id>", self.body.decode())


class Driver(Protocol):
    """Sends requests."""

    async def ask(self, sent: Sent) -> Answer:
        """Send a request and return its answer."""
        ...


class AsgiDriver:
    """Calls the app. Faster than a client of HTTP."""

    def __init__(self, app: Litestar) -> None:
        self._app = app

    async def ask(self, sent: Sent) -> Answer:
        """Send a request and return its answer."""
        headers, body = sent.encoded()
        path, _, query = sent.target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": sent.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "server": ("tekana.test", 80),
            "client": ("127.0.0.1", 1),
            "state": {},
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        started: dict[str, Any] = {}
        parts: list[bytes] = []

        async def receive() -> Any:
            if not messages:
                await asyncio.Event().wait()  # the client stays
            return messages.pop()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(cast("Any", scope), receive, send)
        named = {name.decode().lower(): value.decode("latin-1") for name, value in started["headers"]}
        return Answer(started["status"], named, b"".join(parts))


class SocketDriver:
    """Sends requests over one connection."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def ask(self, sent: Sent) -> Answer:
        """Send a request and return its answer."""
        headers, body = sent.encoded()
        head = [f"{sent.method} {sent.target} HTTP/1.1".encode(), *(b": ".join(one) for one in headers), b"", b""]
        await self._peer.send(b"\r\n".join(head) + body)
        got = await self._peer.receive(head_only=sent.method == "HEAD")
        return Answer(got.status, got.headers, got.body)
