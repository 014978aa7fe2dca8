"""How a server fares under many times the load that it can take."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table

from benchmarks import http_load
from benchmarks.bench import Bench
from benchmarks.client import Told
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
_SHORTEST = 10.0  # seconds: whoever still waits when a phase ends is not counted as answered in it

_BACK = 0.9  # of the goodput before: from then on it counts as normal again
_OTHER_FILES = 200  # that a process has open besides its connections


class Phase(NamedTuple):
    """Some seconds of one load, and what came of it."""

    name: str
    connections: int
    told: Told


def overload(bench: Bench, service: Service) -> list[Phase]:
    """Measure the loads one after the other.

    Raises NotAnswered if a request was answered otherwise than with 201 or 503.
    """
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _load(bench, service, _NORMAL)  # does not count: statements are prepared
    phases = []
    for name, connections in _LOADS:
        if 0 <= most_files < connections + _OTHER_FILES:
            bench.tell(f"overload, {name}: left out, as a process may have {most_files:,} files open here")
            continue
        told = _load(bench, service, connections)
        phases.append(Phase(name, connections, told))
        bench.tell(f"overload, {name}: {connections:,} connections, {_rate(told):,.0f} transfers/s")
    return phases


def _load(bench: Bench, service: Service, connections: int) -> Told:
    seconds = max(bench.plan.seconds, _SHORTEST)
    with http_load.start(
        service.port, "random", bench.plan.wallets, seconds, connections=connections, generator=http_load.OURS
    ) as load:
        told = load.told()
    if told.failed:
        raise NotAnswered(f"{told.failed:,} requests failed with {connections:,} connections")
    return told


def overload_table(phases: Sequence[Phase]) -> Table:
    """Goodput and latencies; that of an overload is held against the normal phases before and after it."""
    title = "http_random on one worker, and far more of it: a 503 is asked again at once"
    drawn = Table(title=title, title_justify="left")
    drawn.add_column("Load", no_wrap=True)
    for column in ("Connections", "Goodput/s", "Of normal", "p50 ms", "p99 ms", "503", "p50 ms", "p99 ms"):
        drawn.add_column(column, justify="right", no_wrap=True)
    drawn.add_column("Remark")
    for number, (name, connections, told) in enumerate(phases):
        normal = [phase.told for phase in phases[max(0, number - 1) : number + 2] if phase.connections == _NORMAL]
        refused = (f"{told.refused_p50_ms:.0f}", f"{told.refused_p99_ms:.0f}") if told.refused else ("", "")
        drawn.add_row(
            name,
            f"{connections:,}",
            f"{_rate(told):,.0f}",
            "" if connections == _NORMAL else f"{_rate(told) / statistics.fmean(map(_rate, normal)):.2f}",
            *(f"{told.p50_ms:.0f}", f"{told.p99_ms:.0f}"),
            f"{told.refused / max(1, told.refused + told.answered):.1%}",
            *refused,
            _back_after(phases[0].told, told) if name == "normal again" else _promises(told),
        )
    return drawn


def _back_after(normal: Told, again: Told) -> str:
    enough = _BACK * statistics.median(normal.each_second)
    second = next((second for second, count in enumerate(again.each_second) if count >= enough), None)
    return f"not back within {again.seconds:.0f} s" if second is None else f"back after {second + 1} s"


def _promises(told: Told) -> str:
    return f"{told.unpromising:,} of 503 without Retry-After" if told.unpromising else ""


def _rate(told: Told) -> float:
    return told.answered / told.seconds
