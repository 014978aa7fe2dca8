"""Measure what the links of history cost: transfers with and without them, in turn, in one process on one ledger.

Other load of the machine is much the same for the two halves of a pair, as each is short.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import statistics
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.table import Table

import tekana
from benchmarks.bench import Bench
from benchmarks.data import CURRENCY, random_pair
from tekana.ports.history import HistoryKey
from tekana_postgres import PostgresStore

_PAIRS_PER_SECOND = 1.5
_WINDOW_SECONDS = 0.3
_CALLERS = (1, 64, 1000)


class _Key:
    """Implements tekana.ports.history.HistoryKeys with one key."""

    _key = HistoryKey(uuid.UUID(int=1), bytes(32))

    async def current(self) -> HistoryKey:
        return self._key

    async def get(self, key_id: uuid.UUID) -> HistoryKey:  # noqa: ARG002 - there is one key
        return self._key


class _Ledger(NamedTuple):
    """The ledger of the measurement, and the process id of its server."""

    url: str
    wallets: int
    server_pid: int


class _Window(NamedTuple):
    """What a transfer took in a short time: microseconds of this process and of PostgreSQL; and how many per second."""

    worker_us: float
    postgres_us: float
    per_second: float


def links_table(bench: Bench) -> Table:
    """Return the table: medians of the pairs without and with links, and the median of their ratios."""
    drawn = Table(title="A transfer without and with links of history", title_justify="left")
    for column in ("Callers", "Figure", "Without", "With", "Ratio", "Pairs"):
        drawn.add_column(column, justify="left" if column == "Figure" else "right")
    for callers in _CALLERS:
        seconds = max(20.0, 5 * bench.plan.seconds)
        ledger = _Ledger(bench.ledger(), bench.plan.wallets, bench.server.pid)
        pairs = uvloop.run(_measure(ledger, callers, round(seconds * _PAIRS_PER_SECOND)))
        for index, figure in enumerate(("us of the worker", "us of PostgreSQL", "transfers/s")):
            _add_row(drawn, str(callers), figure, [(one[index], other[index]) for one, other in pairs])
        both = [(sum(one[:2]), sum(other[:2])) for one, other in pairs]
        _add_row(drawn, str(callers), "us of both", both)
    return drawn


def _add_row(drawn: Table, callers: str, figure: str, pairs: list[tuple[float, float]]) -> None:
    without, with_links = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(after / before for before, after in pairs)
    drawn.add_row(callers, figure, f"{without:,.1f}", f"{with_links:,.1f}", f"{ratio:.3f}", str(len(pairs)))


async def _measure(ledger: _Ledger, callers: int, count: int) -> list[tuple[_Window, _Window]]:
    gc.freeze()
    linked = PostgresStore(ledger.url)
    linked.link_history(_Key())
    async with tekana.connect(store=PostgresStore(ledger.url)) as plain, tekana.connect(store=linked) as with_links:
        apps = [one.as_caller(tekana.LOCAL_OPERATOR) for one in (plain, with_links)]
        numbers = itertools.count()
        pairs = []
        for number in range(-2, count):  # the first ones open connections and prepare statements
            order = (0, 1) if number % 2 else (1, 0)
            found = {place: await _window(ledger, apps[place], callers, numbers) for place in order}
            if number >= 0:
                pairs.append((found[0], found[1]))
    return pairs


async def _window(ledger: _Ledger, app: tekana.Session, callers: int, numbers: itertools.count[int]) -> _Window:
    begin, busy, postgres = time.perf_counter(), time.process_time(), _postgres_seconds(ledger)
    run, end = uuid.uuid4().hex, begin + _WINDOW_SECONDS

    async def call() -> int:
        answered = 0
        while time.perf_counter() < end or not answered:
            from_, to = random_pair(ledger.wallets, hot=False)
            command = tekana.TransferFunds(from_wallet_id=from_, to_wallet_id=to, amount="100", currency=CURRENCY)
            await app.submit(command, key=f"{run}-{next(numbers)}")
            answered += 1
        return answered

    answered = sum(await asyncio.gather(*(call() for _ in range(callers))))
    took, busy = time.perf_counter() - begin, time.process_time() - busy
    return _Window(1e6 * busy / answered, 1e6 * (_postgres_seconds(ledger) - postgres) / answered, answered / took)


def _postgres_seconds(ledger: _Ledger) -> float:
    """Return the processor time of all processes of PostgreSQL that run now. Linux only."""
    nanoseconds = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(ledger.server_pid):
                nanoseconds += int((folder / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9
