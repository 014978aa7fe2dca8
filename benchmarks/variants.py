"""Compare variants of the engine: transfers with each of them, in turn, in one process.

Other load of the machine is much the same for the turns of a round, as each is short.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

import tekana
from benchmarks.bench import Bench
from benchmarks.data import CURRENCY, random_pair

CALLERS = (1, 64, 1000)
_FIGURES = ("us of the worker", "us of PostgreSQL", "transfers/s", "us of both")
_ROUNDS_PER_SECOND = 1.5
_WINDOW_SECONDS = 0.3


class Window(NamedTuple):
    """What a transfer took in a short time: microseconds of this process and of PostgreSQL; and how many per second."""

    worker_us: float
    postgres_us: float
    per_second: float

    def figures(self) -> tuple[float, ...]:
        """Return them in the order of _FIGURES."""
        return (*self, self.worker_us + self.postgres_us)


class Rounds(NamedTuple):
    """What is measured: how many rounds, the number of wallets, and the process id of the database server."""

    round_count: int
    wallets: int
    server_pid: int

    @classmethod
    def of(cls, bench: Bench) -> Rounds:
        """Return those of a benchmark, for each number of callers."""
        count = round(max(20.0, 5 * bench.plan.seconds) * _ROUNDS_PER_SECOND)
        return cls(count, bench.plan.wallets, bench.server.pid)


async def measure(plan: Rounds, sessions: Sequence[tekana.Session], callers: int) -> list[tuple[Window, ...]]:
    """Return a window of each session for each round."""
    numbers = itertools.count()
    rounds = []
    for number in range(-2, plan.round_count):  # the first ones open connections and prepare statements
        order = range(len(sessions)) if number % 2 else reversed(range(len(sessions)))
        found = {place: await _window(plan, sessions[place], callers, numbers) for place in order}
        if number >= 0:
            rounds.append(tuple(found[place] for place in range(len(sessions))))
    return rounds


def new_table(title: str, variants: Sequence[str]) -> Table:
    """Return a table of variants without rows."""
    drawn = Table(title=title, title_justify="left")
    for column in ("Callers", "Figure", *variants, *(f"Ratio {name}" for name in variants[1:]), "Rounds"):
        drawn.add_column(column, justify="left" if column == "Figure" else "right")
    return drawn


def add_rows(drawn: Table, callers: int, rounds: list[tuple[Window, ...]]) -> None:
    """Add the medians of the rounds, and the medians of the ratios to the first variant."""
    for place, figure in enumerate(_FIGURES):
        values = [tuple(window.figures()[place] for window in windows) for windows in rounds]
        medians = [f"{statistics.median(one):,.1f}" for one in zip(*values, strict=True)]
        ratios = [
            f"{statistics.median(one[other] / one[0] for one in values):.3f}" for other in range(1, len(values[0]))
        ]
        drawn.add_row(str(callers), figure, *medians, *ratios, str(len(rounds)))


async def _window(plan: Rounds, app: tekana.Session, callers: int, numbers: itertools.count[int]) -> Window:
    begin, busy, postgres = time.perf_counter(), time.process_time(), _postgres_seconds(plan)
    run, end = uuid.uuid4().hex, begin + _WINDOW_SECONDS

    async def call() -> int:
        answered = 0
        while time.perf_counter() < end or not answered:
            from_, to = random_pair(plan.wallets, hot=False)
            command = tekana.TransferFunds(from_wallet_id=from_, to_wallet_id=to, amount="100", currency=CURRENCY)
            await app.submit(command, key=f"{run}-{next(numbers)}")
            answered += 1
        return answered

    answered = sum(await asyncio.gather(*(call() for _ in range(callers))))
    took, busy = time.perf_counter() - begin, time.process_time() - busy
    return Window(1e6 * busy / answered, 1e6 * (_postgres_seconds(plan) - postgres) / answered, answered / took)


def _postgres_seconds(plan: Rounds) -> float:
    """Return the processor time of all processes of PostgreSQL that run now. Linux only."""
    nanoseconds = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(plan.server_pid):
                nanoseconds += int((folder / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9
