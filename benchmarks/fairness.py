"""Measure the latency of single transfers while batches are submitted continuously."""

from __future__ import annotations

from rich.table import Table

from benchmarks import http_load
from benchmarks.bench import Bench
from benchmarks.client import LoadReport
from benchmarks.http_load import NotAnswered
from benchmarks.processes import Service

_SINGLES, _BATCHES = 32, 4  # connections


def fairness(bench: Bench, service: Service) -> tuple[LoadReport, LoadReport, LoadReport]:
    """Measure single transfers alone, then single transfers and batches at the same time.

    Raises NotAnswered if a request failed.
    """
    wallets, seconds = bench.plan.wallets, bench.plan.seconds
    with http_load.start(service.port, "random", wallets, seconds, connections=_SINGLES) as load:
        alone = load.report()
    with (
        http_load.start(service.port, "batch", wallets, seconds + 2, connections=_BATCHES) as flood,
        http_load.start(service.port, "random", wallets, seconds, connections=_SINGLES) as load,
    ):
        beside, batches = load.report(), flood.report()
    if failed := alone.failed + beside.failed + batches.failed:
        raise NotAnswered(f"{failed:,} requests failed during the load of batches")
    return alone, beside, batches


def fairness_table(alone: LoadReport, beside: LoadReport, batches: LoadReport) -> Table:
    """Return the table of latencies of single transfers, with and without concurrent batches."""
    drawn = Table(title=f"Single transfers over {_SINGLES} connections, on one worker", title_justify="left")
    drawn.add_column("Concurrent load", no_wrap=True)
    for column in ("Transfers/s", "p50 ms", "p99 ms", "Batches of 1,000 a second"):
        drawn.add_column(column, justify="right")
    for name, report, others in (("none", alone, 0.0), (f"batches, {_BATCHES} connections", beside, _rate(batches))):
        drawn.add_row(name, f"{_rate(report):,.0f}", f"{report.p50_ms:.1f}", f"{report.p99_ms:.1f}", f"{others:.1f}")
    return drawn


def _rate(report: LoadReport) -> float:
    return report.answered / report.seconds
