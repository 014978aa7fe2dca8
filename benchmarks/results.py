"""The results: as a table for people and as JSON for programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.table import Table


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of tekana with the reference run just before it; without a reference there is no ratio."""

    value: float
    reference: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value divided by the reference."""
        return self.value / self.reference if self.reference else None


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The goal for the median of the ratio, or of the value where there is no ratio; and for the 99th percentile."""

    at_least: float | None = None
    at_most: float | None = None
    p99_ms: float | None = None

    def __str__(self) -> str:
        bounds = (("≥", self.at_least), ("≤", self.at_most), ("p99 ms <", self.p99_ms))
        return ", ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)

    def met(self, ratio_or_value: float, p99_ms: float | None) -> bool:
        """Return whether these medians meet the goal."""
        return (
            (self.at_least is None or ratio_or_value >= self.at_least)
            and (self.at_most is None or ratio_or_value <= self.at_most)
            and (self.p99_ms is None or (p99_ms is not None and p99_ms < self.p99_ms))
        )


class Result(msgspec.Struct, kw_only=True):
    """A row of the table: medians of the runs. Without runs the row was not measured, and `note` gives the reason.

    `value` and `reference` are in `unit`; `ratio` is the median of the pairs' own ratios.
    """

    name: str
    value: float | None
    unit: str
    reference: float | None
    ratio: float | None
    goal: str
    met: bool | None
    p50_ms: float | None
    p99_ms: float | None
    runs: list[Run]
    note: str


class Measured(NamedTuple):
    """The runs of a row, and a note. `as_wanted` is a condition in addition to the goal's numbers."""

    runs: Sequence[Run]
    note: str
    as_wanted: bool = True


def result_of(name: str, unit: str, goal: Goal, measured: Measured) -> Result:
    """Compute the medians of the runs, and compare them with the goal."""
    runs = list(measured.runs)
    value, ratio = _median([run.value for run in runs]), _median([run.ratio for run in runs])
    p99 = _median([run.p99_ms for run in runs])
    judged = value if ratio is None else ratio
    return Result(
        name=name,
        value=value,
        unit=unit,
        reference=_median([run.reference for run in runs]),
        ratio=ratio,
        goal=str(goal),
        met=None if judged is None else measured.as_wanted and goal.met(judged, p99),
        p50_ms=_median([run.p50_ms for run in runs]),
        p99_ms=p99,
        runs=runs,
        note=measured.note,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def table(results: Sequence[Result]) -> Table:
    """Return the table of all rows, with the lowest and the highest ratio of each row's runs."""
    drawn = Table(title="Medians; in brackets the lowest and the highest of the ratios", title_justify="left")
    drawn.add_column("Row", no_wrap=True)
    for column in ("Measured", "Unit", "Reference", "Ratio", "Goal", "p50 ms", "p99 ms"):
        drawn.add_column(column, justify="left" if column == "Unit" else "right", no_wrap=True)
    drawn.add_column("Met")
    for one in results:
        drawn.add_row(
            one.name,
            _number(one.value),
            one.unit,
            _number(one.reference),
            _with_spread(one.ratio, [run.ratio for run in one.runs]),
            one.goal,
            _number(one.p50_ms),
            _number(one.p99_ms),
            {True: "[green]yes", False: "[red]no", None: ""}[one.met],
        )
    return drawn


def _with_spread(median: float | None, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median:.2f} ({min(known):.2f}-{max(known):.2f})" if median is not None else ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(results: Sequence[msgspec.Struct], path: Path) -> None:
    """Write the results as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
