"""tekana's own load generator: raw sockets, one process, the same requests as `requests.lua`.

It replaces wrk where wrk is not installed, and always measures overload: wrk cannot time responses by their status.

python -m benchmarks.client PORT CONNECTIONS SECONDS KIND WALLETS RUN
"""

from __future__ import annotations

import asyncio
import itertools
import random
import resource
import sys
import time
from collections import Counter
from typing import cast

import msgspec
import uvloop

from benchmarks.data import CURRENCY, WALLET_ID
from benchmarks.key import BEARER

_READ, _CREATED, _REFUSED = b"HTTP/1.1 200", b"HTTP/1.1 201", b"HTTP/1.1 503"
_END_OF_HEAD = b"\r\n\r\n"


class LoadReport(msgspec.Struct, kw_only=True):
    """The result of a load, printed by every generator as one line of JSON. Latencies are in milliseconds.

    `failed` counts unexpected responses and lost connections. A 503 is counted neither as answered nor as failed but as
    `refused`, where the generator can distinguish it; the request is repeated immediately with the same key. Only the
    first refusal of each request counts in the latencies of refusals, as the server delays clients that ignore
    `Retry-After`. `without_retry_after` counts the refusals without that header. `each_second` is the number of
    answered requests in each second. `cpu_seconds` is the CPU time of the generator after its start.
    """

    answered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    refused: int = 0
    refused_p50_ms: float = 0.0
    refused_p99_ms: float = 0.0
    without_retry_after: int = 0
    each_second: list[int] = []
    cpu_seconds: float | None = None


def request(kind: str, wallets: int, key: str) -> tuple[str, str, dict[str, str], str]:
    """Return the method, the path, the headers and the body of a request."""
    if kind == "wallet":
        return "GET", f"/v1/wallets/{WALLET_ID % int(random.random() * wallets)}", BEARER, ""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, **BEARER}
    if kind == "deposit":
        return "POST", "/v1/transactions", headers, _DEPOSIT % int(random.random() * wallets)
    if kind != "batch":
        return "POST", "/v1/transactions", headers, _transfer(wallets, hot=kind == "hot")
    transfers = ",".join(_transfer(wallets, hot=False) for _ in range(1000))
    return "POST", "/v1/batches", headers, f'{{"mode":"independent","transactions":[{transfers}]}}'


_TRANSFER = (
    f'{{"type":"transfer","from_wallet_id":"{WALLET_ID}","to_wallet_id":"{WALLET_ID}","amount":"100",'
    f'"currency":"{CURRENCY}"}}'
)

_DEPOSIT = f'{{"type":"deposit","wallet_id":"{WALLET_ID}","amount":"100","currency":"{CURRENCY}"}}'


def _transfer(wallets: int, *, hot: bool) -> str:
    to = 0 if hot and random.random() < 0.5 else int(random.random() * wallets)
    from_ = int(random.random() * (wallets - 1))
    return _TRANSFER % (from_ + (from_ >= to), to)


class _SharedState:
    """State that all connections share: the requests still to send, and the counts."""

    def __init__(self, kind: str, wallets: int, run: str, seconds: float) -> None:
        self.kind = kind
        self.wallets = wallets
        self.run = run
        self.seconds = seconds
        self.begin = 0.0
        self.begin_cpu = 0.0
        self.end = 0.0
        self.numbers = itertools.count()
        self.waited: list[float] = []
        self.refused = 0
        self.refused_first: list[float] = []
        self.each_second: Counter[int] = Counter()
        self.failed = 0
        self.without_retry_after = 0
        self.expected = _READ if kind == "wallet" else _CREATED

    def start(self) -> None:
        self.begin = time.perf_counter()
        self.begin_cpu = time.process_time()
        self.end = self.begin + self.seconds

    def next_request(self) -> bytes:
        method, path, headers, body = request(self.kind, self.wallets, f"{self.run}-{next(self.numbers)}")
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{method} {path} HTTP/1.1\r\nHost: benchmark\r\n{lines}{length}\r\n{body}".encode()

    def take(self, answer: bytes, sent: float, now: float, *, again: bool) -> bool:
        """Count a response; return whether its request is finished. `again` if the request was refused before."""
        if answer.startswith(self.expected):
            if now < self.end:
                self.waited.append(now - sent)
                self.each_second[int(now - self.begin)] += 1
        elif answer.startswith(_REFUSED):
            self.refused += 1
            if not again:
                self.refused_first.append(now - sent)
            self.without_retry_after += b"\r\nretry-after:" not in answer.lower()
            return False
        else:
            self.failed += 1
        return True

    def report(self) -> LoadReport:
        p50, p99 = _percentiles(self.waited)
        refused_p50, refused_p99 = _percentiles(self.refused_first)
        return LoadReport(
            answered=len(self.waited),
            seconds=self.seconds,
            p50_ms=p50,
            p99_ms=p99,
            failed=self.failed,
            refused=self.refused,
            refused_p50_ms=refused_p50,
            refused_p99_ms=refused_p99,
            without_retry_after=self.without_retry_after,
            each_second=[self.each_second[second] for second in range(int(self.seconds))],
            cpu_seconds=time.process_time() - self.begin_cpu,
        )


def _percentiles(waited: list[float]) -> tuple[float, float]:
    in_order = sorted(waited) or [0.0]
    p50, p99 = (1000 * in_order[int(len(in_order) * share)] for share in (0.5, 0.99))
    return p50, p99


class _Connection(asyncio.Protocol):
    """One connection: send a request, wait for the complete response, send the next."""

    def __init__(self, shared: _SharedState) -> None:
        self._shared = shared
        self._transport: asyncio.Transport | None = None
        self._request = b""
        self._received = b""
        self._again = False
        self._sent = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        if not _whole(data):
            self._received = data
            return
        self._received = b""
        now = time.perf_counter()
        self._again = not self._shared.take(data, self._sent, now, again=self._again)
        self.send(now)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.over.done():
            self._shared.failed += 1
            self.over.set_result(None)

    def send(self, now: float) -> None:
        """Send the next request, or repeat a refused one; close the connection when the time is over."""
        assert self._transport is not None  # noqa: S101 - there is one, once the connection is made
        if now < self._shared.end:
            if not self._again:
                self._request = self._shared.next_request()
            self._sent = now
            self._transport.write(self._request)
        elif not self.over.done():
            self.over.set_result(None)
            self._transport.close()


def _whole(received: bytes) -> bool:
    """Return whether the response is complete. The servers measured always send a lower-case content-length."""
    head = received.find(_END_OF_HEAD)
    if head < 0:
        return False
    length = received.find(b"\r\ncontent-length: ", 0, head)
    if length < 0:
        return True
    length += 18
    return len(received) >= head + 4 + int(received[length : received.index(b"\r\n", length)])


async def _load(port: int, connections: int, shared: _SharedState) -> LoadReport:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: _Connection(shared), "127.0.0.1", port) for _ in range(connections)]
    shared.start()
    for _, caller in made:
        caller.send(time.perf_counter())
    await asyncio.gather(*(caller.over for _, caller in made))
    return shared.report()


if __name__ == "__main__":
    port_, connections_, seconds_, kind_, wallets_, run_ = sys.argv[1:]
    _, most_files_ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files_, most_files_))  # one open file per connection
    shared_ = _SharedState(kind_, int(wallets_), run_, float(seconds_))
    report_ = uvloop.run(_load(int(port_), int(connections_), shared_))
    print(msgspec.json.encode(report_).decode())
