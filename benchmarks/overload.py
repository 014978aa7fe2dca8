"""Measure a server under a multiple of the load that it can handle."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table

from benchmarks import http_load
from benchmarks.bench import Bench
from benchmarks.client import LoadReport
from benchmarks.http_load import NotAnswered
from benchmarks.processes import Service

_NORMAL = http_load.CONNECTIONS["random"]
_LOADS = (
    ("normal", _NORMAL),
    ("ten times", 10 * _NORMAL),
    ("normal again", _NORMAL),
    ("fifty times", 50 * _NORMAL),
    ("normal again", _NORMAL),
)
_SHORTEST = 10.0  # seconds: requests that still wait when a phase ends are not counted as answered

_RECOVERED = 0.9  # share of the earlier goodput from which the server counts as recovered
_OTHER_FILES = 200  # files that a process has open besides its connections


class Phase(NamedTuple):
    """One load over some seconds, and its result."""

    name: str
    connections: int
    report: LoadReport


def overload(bench: Bench, service: Service) -> list[Phase]:
    """Measure the loads one after the other.

    Raises NotAnswered if a request got another status than 201 or 503.
    """
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _load(bench, service, _NORMAL)  # not measured: statements are prepared
    phases = []
    for name, connections in _LOADS:
        if 0 <= most_files < connections + _OTHER_FILES:
            bench.log(f"overload, {name}: skipped, as the limit of open files is {most_files:,}")
            continue
        report = _load(bench, service, connections)
        phases.append(Phase(name, connections, report))
        bench.log(f"overload, {name}: {connections:,} connections, {_rate(report):,.0f} transfers/s")
    return phases


def _load(bench: Bench, service: Service, connections: int) -> LoadReport:
    seconds = max(bench.plan.seconds, _SHORTEST)
    with http_load.start(
        service.port, "random", bench.plan.wallets, seconds, connections=connections, generator=http_load.OURS
    ) as load:
        report = load.report()
    if report.failed:
        raise NotAnswered(f"{report.failed:,} requests failed with {connections:,} connections")
    return report


def overload_table(phases: Sequence[Phase]) -> Table:
    """Return goodput and latencies; overload is compared with the normal phases before and after it."""
    title = "http_random on one worker, normal load and overload; a 503 is retried immediately"
    drawn = Table(title=title, title_justify="left")
    drawn.add_column("Load", no_wrap=True)
    for column in ("Connections", "Goodput/s", "Of normal", "p50 ms", "p99 ms", "503", "p50 ms", "p99 ms"):
        drawn.add_column(column, justify="right", no_wrap=True)
    drawn.add_column("Remark")
    for number, (name, connections, report) in enumerate(phases):
        normal = [phase.report for phase in phases[max(0, number - 1) : number + 2] if phase.connections == _NORMAL]
        refused = (f"{report.refused_p50_ms:.0f}", f"{report.refused_p99_ms:.0f}") if report.refused else ("", "")
        drawn.add_row(
            name,
            f"{connections:,}",
            f"{_rate(report):,.0f}",
            "" if connections == _NORMAL else f"{_rate(report) / statistics.fmean(map(_rate, normal)):.2f}",
            *(f"{report.p50_ms:.0f}", f"{report.p99_ms:.0f}"),
            f"{report.refused / max(1, report.refused + report.answered):.1%}",
            *refused,
            _recovery(phases[0].report, report) if name == "normal again" else _missing_headers(report),
        )
    return drawn


def _recovery(normal: LoadReport, again: LoadReport) -> str:
    enough = _RECOVERED * statistics.median(normal.each_second)
    second = next((second for second, count in enumerate(again.each_second) if count >= enough), None)
    return f"not recovered within {again.seconds:.0f} s" if second is None else f"recovered after {second + 1} s"


def _missing_headers(report: LoadReport) -> str:
    return f"{report.without_retry_after:,} of 503 without Retry-After" if report.without_retry_after else ""


def _rate(report: LoadReport) -> float:
    return report.answered / report.seconds
