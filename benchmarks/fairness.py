"""How long single transfers take beside a flood of batches."""

from __future__ import annotations

from rich.table import Table

from benchmarks import http_load
from benchmarks.bench import Bench
from benchmarks.client import Told
from benchmarks.http_load import NotAnswered
from benchmarks.processes import Service

_SINGLES, _BATCHES = 32, 4  # connections


def fairness(bench: Bench, service: Service) -> tuple[Told, Told, Told]:
    """Measure single transfers alone, single ones beside batches, and those batches.

    Raises NotAnswered if a request failed.
    """
    wallets, seconds = bench.plan.wallets, bench.plan.seconds
    with http_load.start(service.port, "random", wallets, seconds, connections=_SINGLES) as load:
        alone = load.told()
    with (
        http_load.start(service.port, "batch", wallets, seconds + 2, connections=_BATCHES) as flood,
        http_load.start(service.port, "random", wallets, seconds, connections=_SINGLES) as load,
    ):
        beside, batches = load.told(), flood.told()
    if failed := alone.failed + beside.failed + batches.failed:
        raise NotAnswered(f"{failed:,} requests failed beside batches")
    return alone, beside, batches


def fairness_table(alone: Told, beside: Told, batches: Told) -> Table:
    """Latencies of single transfers, with and without batches beside them."""
    drawn = Table(title=f"Single transfers over {_SINGLES} connections, on one worker", title_justify="left")
    drawn.add_column("Beside them", no_wrap=True)
    for column in ("Transfers/s", "p50 ms", "p99 ms", "Batches of 1,000 a second"):
        drawn.add_column(column, justify="right")
    for name, told, others in (("nothing", alone, 0.0), (f"batches, {_BATCHES} connections", beside, _rate(batches))):
        drawn.add_row(name, f"{_rate(told):,.0f}", f"{told.p50_ms:.1f}", f"{told.p99_ms:.1f}", f"{others:.1f}")
    return drawn


def _rate(told: Told) -> float:
    return told.answered / told.seconds
