"""Compare another commit with the working tree: in turn, on the same server, on copies of the same ledger.

Rates depend on other load of the machine; the CPU time of a transfer depends on it much less. So a comparison has
both, and each figure is the median of alternating runs.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

import tekana
from benchmarks import http_load
from benchmarks.bench import WORKERS, Bench
from benchmarks.data import CURRENCY, LARGEST_LIMITS
from benchmarks.http_load import Kind
from benchmarks.processes import ROOT, Service, tekana_serving
from benchmarks.server import CannotMeasure
from tekana.domain.limits import TIERS, is_count
from tekana.domain.money import format_minor

_FOLDER = ROOT / "build" / "compared"
_ENGINE_CALLERS = 1000
_HISTORY = ("transactions", "entries", "idempotency_keys", "outbox")
_PER_REQUEST: dict[Kind, int] = {"random": 1, "hot": 1, "deposit": 1, "batch": 1000, "wallet": 1}


@dataclass
class Side:
    """A commit with its own environment and ledger."""

    name: str
    root: Path
    python: Path
    url: str = ""
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, figure: str, value: float) -> None:
        """Add the value of a run."""
        self.figures.setdefault(figure, []).append(value)

    def median(self, figure: str) -> float:
        """Return the median of a figure's runs."""
        return statistics.median(self.figures[figure])

    def run(self, *words: str) -> str:
        """Run Python in this commit's environment and return what it prints. Raises CannotMeasure if it fails."""
        done = subprocess.run([self.python, *words], cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotMeasure(f"{self.name}: {' '.join(words[:3])}: {done.stderr[-2000:]}")
        return done.stdout


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of both commits, and the ratio of this commit to the other one."""

    name: str
    unit: str
    before: float
    after: float
    ratio: float
    ratios: list[float]
    goal: str


_GOALS: dict[str, tuple[str, str]] = {  # unit, and the goal for the ratio to release 0.1
    "engine_cpu": ("us of Python per transfer", "≤ 0.67"),
    "engine_random": ("transfers/s", ""),
    "latency_alone": ("ms", "≤ 0.5"),
    "http_worker_cpu": ("us of the workers per transfer", "≤ 0.5"),
    "http_random": ("transfers/s", "≥ 1.6"),
    "batch_worker_cpu": ("us of the workers per transfer", ""),
    "batch": ("transfers/s", "≥ 1.3"),
    "read_wallet_worker_cpu": ("us of the workers per request", "≤ 1"),
    "read_wallet": ("requests/s", "≥ 1"),
    "disk_per_transfer": ("bytes", "≤ 1"),
}


def compare(bench: Bench, commit: str) -> list[Figure]:
    """Measure a commit and the working tree in turn.

    Raises:
        CannotMeasure: the commit does not exist, or cannot be installed.
        NotAnswered: a request failed.
    """
    with _worktree(commit) as before:
        after = Side("this tree", ROOT, Path(sys.executable))
        sides = (before, after)
        _make_ledgers(bench, before, after)
        for number in range(bench.plan.pairs):
            for side in sides if number % 2 == 0 else sides[::-1]:
                _engine(bench, side)
            bench.log(f"engine {number + 1}/{bench.plan.pairs}: {_ratio_text(sides, 'engine_cpu')} of the time")
        with (
            tekana_serving(before.url, workers=WORKERS, python=before.python, root=before.root) as old,
            tekana_serving(after.url, workers=WORKERS) as new,
        ):
            services = ((before, old), (after, new))
            for kind, figure in (("random", "http_random"), ("batch", "batch"), ("wallet", "read_wallet")):
                for number in range(bench.plan.pairs):
                    for side, service in services if number % 2 == 0 else services[::-1]:
                        _http(bench, side, service, kind, figure)  # type: ignore[arg-type]
                    text = _ratio_text(sides, _cpu_name(figure))
                    bench.log(f"{figure} {number + 1}/{bench.plan.pairs}: {text} of the workers' time")
        bench.ledgers.append("tekana_compared_after")
    return [_figure(name, before, after) for name in _GOALS]


def table(figures: list[Figure], commit: str) -> Table:
    """Return the table of figures of both commits."""
    drawn = Table(
        title=f"Medians of this tree and {commit}; in brackets the range of the pairs' ratios", title_justify="left"
    )
    for column in ("Figure", "Unit", "Before", "After", "Ratio", "Goal"):
        drawn.add_column(column, justify="left" if column in {"Figure", "Unit"} else "right", no_wrap=True)
    for one in figures:
        spread = f"{one.ratio:.2f} ({min(one.ratios):.2f}-{max(one.ratios):.2f})"
        drawn.add_row(one.name, one.unit, f"{one.before:,.4g}", f"{one.after:,.4g}", spread, one.goal)
    return drawn


@contextmanager
def _worktree(commit: str) -> Iterator[Side]:
    """Check out a commit in a worktree and install it, or use the installation of an earlier run."""
    found = subprocess.run(
        ["git", "rev-parse", "--short=10", f"{commit}^{{commit}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise CannotMeasure(f"the commit {commit} does not exist")
    name = found.stdout.strip()
    root = _FOLDER / name
    python = root / f".venv-{platform.python_version()}" / "bin" / "python"  # the same Python for both
    root.parent.mkdir(parents=True, exist_ok=True)
    if not root.exists():
        _run_or_raise("git", "-C", str(ROOT), "worktree", "prune")
        _run_or_raise("git", "-C", str(ROOT), "worktree", "add", "--detach", "--force", str(root), name)
    if not python.exists():
        _run_or_raise("uv", "venv", "--quiet", "--python", sys.executable, str(python.parent.parent), cwd=root)
        _run_or_raise("uv", "pip", "install", "--quiet", "--python", str(python), "-e", f"{root}[all]", cwd=root)
    yield Side(name, root, python)


def _run_or_raise(*words: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMeasure(f"{' '.join(words)}: {done.stderr[-2000:]}")


def _make_ledgers(bench: Bench, before: Side, after: Side) -> None:
    """Fill a ledger with the program of the earlier commit; migrate a copy of it for this tree."""
    template = f"tekana_compared_{before.name}_{bench.plan.wallets}"
    if not bench.server.has(template):
        bench.log(f"{template}: creating it")
        unfinished = f"{template}_unfinished"
        bench.server.drop(unfinished)
        bench.server.execute(f"CREATE DATABASE {unfinished}")
        before.run("-c", _FILL, bench.server.url(unfinished), str(bench.plan.wallets))
        bench.server.execute(f"ALTER DATABASE {unfinished} RENAME TO {template}")
    for side, name in ((before, "tekana_compared_before"), (after, "tekana_compared_after")):
        bench.server.copy(template, name)
        side.url = bench.server.url(name)
        side.run("-m", "tekana.cli", "migrate", "--database-url", side.url)
        if side is after:  # a ledger of a version without limits has those of a new installation now
            asyncio.run(_raise_limits(side.url))
        bench.server.execute("VACUUM ANALYZE", name)


async def _raise_limits(url: str) -> None:
    """Set the limits that `data.fill` sets."""
    limits: dict[str, Any] = {
        name: value if is_count(name) else format_minor(value, CURRENCY) for name, value in LARGEST_LIMITS.items()
    }
    async with tekana.connect(url) as backend:
        await backend.as_caller(tekana.LOCAL_OPERATOR).execute(
            tekana.SetLimits(tier=TIERS[0], currency=CURRENCY, **limits)
        )


_FILL = """
import asyncio, sys
import asyncpg
from sqlalchemy import make_url
from benchmarks import data
from tekana_postgres import PostgresStore

async def run(text, wallets):
    await PostgresStore(text).migrate()
    url = make_url(text)
    connection = await asyncpg.connect(
        host=url.query["host"], port=url.query["port"], user=url.username, database=url.database
    )
    await data.fill(connection, wallets)
    if hasattr(data, "write_details"):
        await data.write_details(connection, text, wallets)
    await connection.close()

asyncio.run(run(sys.argv[1], int(sys.argv[2])))
"""


def _engine(bench: Bench, side: Side) -> None:
    script, wallets = str(ROOT / "benchmarks" / "load_process.py"), str(bench.plan.wallets)
    size = _size(bench, side)
    done = json.loads(side.run("-P", script, side.url, str(bench.plan.seconds), wallets, str(_ENGINE_CALLERS)))
    side.add("disk_per_transfer", (_size(bench, side) - size) / done["answered"])
    side.add("engine_cpu", done["cpu_us"])
    side.add("engine_random", done["per_second"])
    alone = json.loads(side.run("-P", script, side.url, str(bench.plan.reference_seconds), wallets, "1"))
    side.add("latency_alone", alone["p50_ms"])


def _http(bench: Bench, side: Side, service: Service, kind: Kind, figure: str) -> None:
    cpu_seconds = service.cpu_seconds()
    load = http_load.run(service.port, kind, bench.plan.wallets, bench.plan.seconds)
    transfers = load.answered * _PER_REQUEST[kind]
    side.add(_cpu_name(figure), 1e6 * (service.cpu_seconds() - cpu_seconds) / transfers)
    side.add(figure, load.per_second * _PER_REQUEST[kind])


def _cpu_name(figure: str) -> str:
    return "http_worker_cpu" if figure == "http_random" else f"{figure}_worker_cpu"


def _size(bench: Bench, side: Side) -> int:
    database = side.url.rpartition("/")[2].partition("?")[0]
    bench.server.execute("CHECKPOINT")
    names = ", ".join(f"'{one}'" for one in _HISTORY)
    [(size,)] = bench.server.execute(
        f"SELECT sum(pg_total_relation_size(relid)) FROM unnest(ARRAY[{names}]::regclass[]) AS tables (name), "
        "LATERAL (SELECT name AS relid UNION SELECT relid FROM pg_partition_tree(name)) AS parts",
        database,
    )
    return int(size)


def _ratio_text(sides: tuple[Side, Side], figure: str) -> str:
    before, after = (side.figures[figure][-1] for side in sides)
    return f"{after:,.1f} to {before:,.1f}, {after / before:.2f}"


def _figure(name: str, before: Side, after: Side) -> Figure:
    unit, goal = _GOALS[name]
    pairs = zip(before.figures[name], after.figures[name], strict=True)
    ratios = [new / old for old, new in pairs]
    return Figure(
        name=name,
        unit=unit,
        before=before.median(name),
        after=after.median(name),
        ratio=statistics.median(ratios),
        ratios=ratios,
        goal=goal,
    )
