"""A real HTTP server in this process, and a client that sends exactly the bytes of a test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import uvicorn
from litestar import Litestar

from tekana import Settings
from tekana_litestar.server import _config
from tests.integration.http_support import Json, unique_number
from tests.keys import BEARER, register_key

PATIENCE_SECONDS = 20.0


class Response(NamedTuple):
    """A received response. `head` has the raw bytes of status line and headers."""

    status: int
    headers: dict[str, str]
    body: bytes
    head: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@contextlib.asynccontextmanager
async def listening(app: Litestar) -> AsyncIterator[int]:
    """Serve the app with the settings of the real server, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(_config(app, Settings(), None))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        life = asyncio.create_task(server.serve([listener]))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(0.01)
            if hasattr(app.state, "tekana"):  # an app of a test may have no core
                await register_key(app.state.tekana)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait_for(life, PATIENCE_SECONDS)


class Peer:
    """A client's connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes, pause_seconds: float = 0.05) -> None:
        """Send each part in a separate packet."""
        for index, part in enumerate(parts):
            if index:
                await asyncio.sleep(pause_seconds)
            self._writer.write(part)
            await self._writer.drain()

    async def receive(self, *, head_only: bool = False) -> Response:
        """Read one final response; skip interim responses (100)."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                status = int(lines[0].split(" ")[1])
                if status >= 200:
                    break
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            length = 0 if head_only else int(headers.get("content-length", 0))
            return Response(status, headers, await self._reader.readexactly(length), head)

    async def ask(self, *parts: bytes) -> Response:
        """Send a request and read its response."""
        await self.send(*parts)
        return await self.receive()

    async def receive_interim(self) -> bytes:
        """Read the bytes of one interim response."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def read_to_end(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Read everything up to the end of the connection. Raises TimeoutError if it does not end."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                return await self._reader.read()
            return b""

    async def is_silent(self, seconds: float = 0.3) -> bool:
        """Return whether nothing arrives for this long."""
        try:
            async with asyncio.timeout(seconds):
                await self._reader.read(1)
        except TimeoutError:
            return True
        return False


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    """Open a connection, and close it at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of a request, with the key. Underscores in names of headers become hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: tekana.test"]
    headers = BEARER | headers
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def deposit(wallet: str | UUID, amount: str = "5", **more: Any) -> bytes:
    """Return the body of a deposit in RWF."""
    fields: Json = {"type": "deposit", "wallet_id": str(wallet), "amount": amount, "currency": "RWF", **more}
    return json.dumps(fields).encode()


async def new_wallet(port: int) -> str:
    """Register a customer, and return the id of the wallet."""
    number = unique_number()
    body = {"full_name": "A B", "email": f"raw{number}@example.com", "phone_number": f"+25078{number:07}"}
    async with connected(port) as peer:
        answer = await peer.ask(request("POST", "/v1/customers", json.dumps(body).encode()))
    wallet: str = answer.json()["wallets"][0]["id"]
    return wallet


async def balance(port: int, wallet: str) -> str:
    """Return the ledger balance of a wallet."""
    async with connected(port) as peer:
        answer = await peer.ask(request("GET", f"/v1/wallets/{wallet}"))
    found: str = answer.json()["ledger_balance"]
    return found


def numbered_keys(name: str) -> Iterator[str]:
    """Yield idempotency keys that no other test uses."""
    while True:
        yield f"{name}-{unique_number()}"
