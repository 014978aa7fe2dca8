"""uvicorn's HTTP protocol, whose answers go out in one piece, and whose streams end when the server stops.

It writes the head of an answer and its body apart, which is two system calls, two packets, and two wake-ups of the
client. Small answers spend more on that than on being made.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWriteProtocol(HttpToolsProtocol):
    """Hands its transport's writes on joined."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(cast("asyncio.Transport", _Joining(transport, self.loop)))

    def shutdown(self) -> None:
        """The server is about to stop, and waits for the answers in flight: streams do not end by themselves."""
        self.app_state["streams"].close()
        super().shutdown()


class _Joining:
    """A transport that holds what is written to it until the event loop's next step."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._write_on)
        self._held.append(data)

    def close(self) -> None:
        self._write_on()
        self._transport.close()

    def _write_on(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
