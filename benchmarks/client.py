"""The generator of load where wrk is not installed: raw sockets, one process, the same requests as `requests.lua`.

python -m benchmarks.client PORT CONNECTIONS SECONDS KIND WALLETS RUN
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import sys
import time
from typing import cast

import msgspec
import uvloop

from benchmarks.data import CURRENCY, random_pair, wallet_id

_EXPECTED = {"wallet": b"HTTP/1.1 200"}  # and 201 for all that moves money
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def request(kind: str, wallets: int, key: str) -> tuple[str, str, dict[str, str], str]:
    """The method, the path, the headers and the body of a request."""
    if kind == "wallet":
        return "GET", f"/v1/wallets/{wallet_id(random.randrange(wallets))}", {}, ""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if kind != "batch":
        return "POST", "/v1/transactions", headers, _transfer(wallets, hot=kind == "hot")
    transfers = ",".join(_transfer(wallets, hot=False) for _ in range(1000))
    return "POST", "/v1/batches", headers, f'{{"mode":"independent","transactions":[{transfers}]}}'


def _transfer(wallets: int, *, hot: bool) -> str:
    from_, to = random_pair(wallets, hot=hot)
    return (
        f'{{"type":"transfer","from_wallet_id":"{from_}","to_wallet_id":"{to}","amount":"100","currency":"{CURRENCY}"}}'
    )


class _Crowd:
    """What all connections share."""

    def __init__(self, kind: str, wallets: int, run: str, end: float) -> None:
        self.kind = kind
        self.wallets = wallets
        self.run = run
        self.end = end
        self.numbers = itertools.count()
        self.waited: list[float] = []
        self.failed = 0
        self.expected = _EXPECTED.get(kind, b"HTTP/1.1 201")

    def next_request(self) -> bytes:
        method, path, headers, body = request(self.kind, self.wallets, f"{self.run}-{next(self.numbers)}")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{method} {path} HTTP/1.1\r\nHost: benchmark\r\n{lines}{length}\r\n{body}".encode()


class _Caller(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends again."""

    def __init__(self, crowd: _Crowd) -> None:
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length is not None and len(body) < int(length[1])):
            return
        now = time.perf_counter()
        if now < self._crowd.end:
            self._crowd.waited.append(now - self._sent)
        if not head.startswith(self._crowd.expected):
            self._crowd.failed += 1
        self._received = b""
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.over.done():
            self._crowd.failed += 1
            self.over.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        assert self._transport is not None  # noqa: S101 - there is one, once the connection is made
        if self._sent < self._crowd.end:
            self._transport.write(self._crowd.next_request())
        elif not self.over.done():
            self.over.set_result(None)
            self._transport.close()


async def _load(port: int, connections: int, seconds: float, kind: str, wallets: int, run: str) -> None:
    begin = time.perf_counter()
    crowd = _Crowd(kind, wallets, run, begin + seconds)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: _Caller(crowd), "127.0.0.1", port) for _ in range(connections)]
    await asyncio.gather(*(caller.over for _, caller in made))
    waited = sorted(crowd.waited) or [0.0]
    p50, p99 = (1000 * waited[int(len(waited) * share)] for share in (0.5, 0.99))
    told = {
        "answered": len(crowd.waited),
        "seconds": seconds,
        "p50_ms": p50,
        "p99_ms": p99,
        "failed": crowd.failed,
    }
    print(msgspec.json.encode(told).decode())


if __name__ == "__main__":
    port_, connections_, seconds_, kind_, wallets_, run_ = sys.argv[1:]
    uvloop.run(_load(int(port_), int(connections_), float(seconds_), kind_, int(wallets_), run_))
