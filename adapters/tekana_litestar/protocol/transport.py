"""A transport that joins small writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class JoiningTransport:
    """Joins what is written in one step of the event loop, so that an answer's head and body are one packet.

    uvicorn writes them apart, which is two system calls, two packets, and two wake-ups of the client. `close` sends
    what was written and leaves the closing itself to `on_close`.
    """

    __slots__ = ("_closing", "_held", "_loop", "_on_close", "_transport")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, on_close: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._on_close = on_close
        self._held: list[bytes] = []
        self._closing = False

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def write_whole(self, data: bytes) -> None:
        """Write an answer that is in one piece already."""
        if self._held:
            self._held.append(data)
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._flush()
            self._on_close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
