"""Measure transfers and deposits with several workers, and with two servers on one database.

Transfers are between random wallets; every deposit also debits a wallet of the operator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from benchmarks import http_load
from benchmarks.bench import LEDGER, Bench
from benchmarks.engine import Load
from benchmarks.http_load import Kind, NotAnswered
from benchmarks.processes import tekana_serving

_SERVERS: dict[str, tuple[int, ...]] = {  # the number of workers of each server
    "1 worker": (1,),
    "2 workers": (2,),
    "4 workers": (4,),
    "2 servers of 1 worker": (1, 1),
}

_KINDS: tuple[Kind, ...] = ("random", "deposit")


def workers_table(bench: Bench) -> Table:
    """Measure each load with each set of servers, and count deadlocks and lock timeouts."""
    drawn = Table(title="Transfers and deposits by workers", title_justify="left")
    for column in ("Load", "Served by"):
        drawn.add_column(column, no_wrap=True)
    for column in ("Transactions/s", "p50 ms", "p99 ms", "Deadlocks", "Lock timeouts"):
        drawn.add_column(column, justify="right")
    for kind, (name, workers) in itertools.product(_KINDS, _SERVERS.items()):
        before = _conflicts(bench)
        try:
            loads = _loads(bench, kind, workers)
        except NotAnswered as error:
            drawn.add_row(kind, name, str(error))
            continue
        deadlocks, timeouts = (now - then for now, then in zip(_conflicts(bench), before, strict=True))
        rate = sum(load.per_second for load in loads)
        p50, p99 = max(load.p50_ms for load in loads), max(load.p99_ms for load in loads)
        bench.log(f"{kind}, {name}: {rate:,.0f} transactions/s")
        drawn.add_row(kind, name, f"{rate:,.0f}", f"{p50:.1f}", f"{p99:.1f}", str(deadlocks), str(timeouts))
    return drawn


def _loads(bench: Bench, kind: Kind, workers: Sequence[int]) -> list[Load]:
    connections = http_load.CONNECTIONS[kind] // len(workers)
    with ExitStack() as stack:
        services = [stack.enter_context(tekana_serving(bench.ledger(), workers=count)) for count in workers]
        running = [
            stack.enter_context(
                http_load.start(one.port, kind, bench.plan.wallets, bench.plan.seconds, connections=connections)
            )
            for one in services
        ]
        return [one.finish() for one in running]


def _conflicts(bench: Bench) -> tuple[int, int]:
    """Return the total numbers of deadlocks and of lock timeouts, from statistics and the log of the server."""
    bench.ledger()
    log = Path(bench.server.socket_folder).parent.joinpath("data", "server.log").read_text(errors="replace")
    database = bench.server.execute(f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{LEDGER}'")
    return int(database[0][0]), log.count("due to lock timeout")
