"""Measure the time of each step of a transfer in the posting engine, in sequential groups of 500."""

from __future__ import annotations

import asyncio
import gc
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import uvloop
from asyncpg.transaction import Transaction
from rich.console import Console
from rich.table import Table

import tekana
from benchmarks.data import CURRENCY, random_pair
from benchmarks.processes import ROOT
from tekana.application.engine import group_settler
from tekana_postgres import unit_of_work
from tekana_postgres.unit_of_work import PostgresUnitOfWork

PICTURE = ROOT / "docs" / "pictures" / "transfer.svg"

_GROUP = 500
_GROUPS, _WARM_UP = 100, 10

_TAKE, _DECIDE, _REST = "take the commands, check them, queue them", "decide, in pure Python", "begin, and answer each"
_ROWS = "make the rows, in pure Python"
_STEPS = (
    _TAKE,
    "claim the idempotency keys",
    "lock the wallets, in id order",
    _DECIDE,
    _ROWS,
    "UPDATE wallets and INSERT the rows",
    "COMMIT, to the disk",
    _REST,
)


class _Watch:
    """Sum the seconds of each step: elapsed time, and CPU time of this process."""

    def __init__(self) -> None:
        self.all: defaultdict[str, float] = defaultdict(float)
        self.busy: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begin, busy = time.perf_counter(), time.process_time()
        yield
        self.all[name] += time.perf_counter() - begin
        self.busy[name] += time.process_time() - busy

    def timed(self, name: str, method: Any) -> Any:
        async def timed(*values: Any, **options: Any) -> Any:
            with self.step(name):
                return await method(*values, **options)

        return timed

    def timed_call(self, name: str, function: Callable[..., Any]) -> Any:
        def timed(*values: Any) -> Any:
            with self.step(name):
                return function(*values)

        return timed


def measure(url: str, wallets: int) -> Table:
    """Return the table of steps, in microseconds per transfer. Patches the engine, so run it in a separate process."""
    watch = uvloop.run(_measure(url, wallets))
    each = 1e6 / (_GROUP * _GROUPS)
    table = Table(title=f"A transfer, in microseconds (groups of {_GROUP}, one at a time)", title_justify="left")
    for column in ("Step", "All", "This process", "PostgreSQL and the way there", ""):
        table.add_column(column, justify="left" if column in ("Step", "") else "right")
    longest = max(watch.all[step] for step in _STEPS)
    for step in (*_STEPS, "together"):
        both = [sum(found.values()) if step == "together" else found[step] for found in (watch.all, watch.busy)]
        whole, busy = both[0] * each, min(both) * each
        bar = "" if step == "together" else "█" * round(30 * both[0] / longest)
        table.add_row(step, f"{whole:.1f}", f"{busy:.1f}", f"{whole - busy:.1f}", bar, end_section=step == _REST)
    return table


def draw(table: Table) -> None:
    """Write the picture for the documentation."""
    console = Console(record=True, width=120, file=StringIO())
    console.print(table)
    picture = console.export_svg(title="tekana: where the time of a transfer goes")
    picture = re.sub(r"\s*@font-face {.*?}", "", picture, flags=re.DOTALL)  # load no font from another host
    PICTURE.write_text(picture.replace("Fira Code", "monospace"), encoding="utf-8")


async def _measure(url: str, wallets: int) -> _Watch:
    watch = _Watch()
    _patch(watch)
    async with tekana.connect(url) as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        for number in range(_WARM_UP + _GROUPS):
            if number == _WARM_UP:
                watch.all.clear()
                watch.busy.clear()
                gc.collect()
                gc.freeze()
            await _one_group(app, watch, wallets)
    return watch


async def _one_group(app: tekana.Session, watch: _Watch, wallets: int) -> None:
    run = uuid.uuid4().hex
    pairs = [random_pair(wallets, hot=False) for _ in range(_GROUP)]
    inside = sum(watch.all.values()), sum(watch.busy.values())
    begin, busy = time.perf_counter(), time.process_time()
    with watch.step(_TAKE):
        asked = [
            asyncio.ensure_future(
                app.submit(
                    tekana.TransferFunds(from_wallet_id=from_, to_wallet_id=to, amount="100", currency=CURRENCY),
                    key=f"{run}-{number}",
                )
            )
            for number, (from_, to) in enumerate(pairs)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    took, was_busy = time.perf_counter() - begin, time.process_time() - busy
    watch.all[_REST] += took - (sum(watch.all.values()) - inside[0])
    watch.busy[_REST] += was_busy - (sum(watch.busy.values()) - inside[1])


def _patch(watch: _Watch) -> None:
    unit: Any = PostgresUnitOfWork
    unit.find_keys = watch.timed("claim the idempotency keys", unit.find_keys)
    unit.lock = watch.timed("lock the wallets, in id order", unit.lock)
    saving: Any = unit_of_work
    saving.history_of = watch.timed_call(_ROWS, saving.history_of)
    saving.save_balances_and_history = watch.timed(
        "UPDATE wallets and INSERT the rows", saving.save_balances_and_history
    )
    transaction: Any = Transaction
    transaction.commit = watch.timed("COMMIT, to the disk", transaction.commit)
    engine: Any = group_settler
    engine.decide_group = watch.timed_call(_DECIDE, engine.decide_group)
