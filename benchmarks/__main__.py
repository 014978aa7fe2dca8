"""`python -m benchmarks`: measures, audits what it measured on, and only then tells."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import tekana
from benchmarks import steps as where_time_goes
from benchmarks.bench import FULL, QUICK, Bench, Plan
from benchmarks.fairness import fairness, fairness_table
from benchmarks.http_load import GENERATOR, NotAnswered
from benchmarks.overload import overload, overload_table
from benchmarks.processes import ROOT, tekana_serving
from benchmarks.results import Measured, Result, result_of, table, write
from benchmarks.rows import ROWS
from benchmarks.server import CannotMeasure, started
from benchmarks.workers import workers_table
from tekana.cli.audit import as_line
from tekana_postgres.embedded import EmbeddedPostgresError

FAILED = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130

_FAILED = "failed: "
_NARROWEST = 132  # columns, for the table: where there is no terminal, rich would take 80

# For root, where PostgreSQL's own account can enter.
DATA_DIR = Path("/var/tmp" if os.geteuid() == 0 else tempfile.gettempdir(), "tekana-bench")  # noqa: S108 - kept on purpose


@click.command
@click.option("--quick", is_flag=True, help="Every row in under four minutes: shorter runs, fewer wallets.")
@click.option("--only", multiple=True, metavar="NAME", type=click.Choice(list(ROWS)), help="This row; repeatable.")
@click.option("--list", "list_", is_flag=True, help="List the rows, and measure nothing.")
@click.option(
    "--workers-table",
    "with_workers",
    is_flag=True,
    help="Also http_random with 1, 2 and 4 workers, and with two servers.",
)
@click.option(
    "--overload", "with_overload", is_flag=True, help="Instead of rows: many times the load, and batches beside it."
)
@click.option("--steps", is_flag=True, help="Instead of rows: where the time of a transfer goes, and its picture.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="How long worker_memory is watched.")
@click.option(
    "--data-dir",
    default=DATA_DIR,
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where PostgreSQL and the ledgers are kept between runs: some GB.",
)
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    list_: bool,
    with_workers: bool,
    with_overload: bool,
    steps: bool,
    hours: float | None,
    data_dir: Path,
) -> None:
    """Measure how fast tekana is, as ratios to PostgreSQL's TPC-B on the same server at the same time.

    Exits with 0 when all was measured and the ledgers are whole, whether or not the goals are met; 1 when they are not
    whole or requests failed; 2 when it could not measure.
    """
    if list_:
        for name, row in ROWS.items():
            click.echo(f"{name:<20}{row.about}")
        return
    plan = QUICK if quick else FULL
    if hours is not None:
        plan = replace(plan, memory_seconds=3600 * hours)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # also where a shell started this in the background, deaf to it
    try:
        names = [] if steps or with_overload else [name for name in ROWS if not only or name in only]
        extras = [
            *([lambda bench: [workers_table(bench, data_dir)]] if with_workers else []),
            *([_overload] if with_overload else []),
            *([_steps] if steps else []),
        ]
        sys.exit(_measure(plan, names, data_dir, extras))
    except (CannotMeasure, EmbeddedPostgresError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    except KeyboardInterrupt:
        click.echo("benchmarks: interrupted; nothing is left running", err=True)
        sys.exit(INTERRUPTED)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _steps(bench: Bench) -> list[Table]:
    found = where_time_goes.measure(bench.ledger(), bench.plan.wallets)
    where_time_goes.draw(found)
    return [found]


def _overload(bench: Bench) -> list[Table]:
    with tekana_serving(bench.ledger(), workers=1) as service:  # one, as each has a line of its own
        return [overload_table(overload(bench, service)), fairness_table(*fairness(bench, service))]


def _measure(plan: Plan, names: list[str], data_dir: Path, extras: Sequence[Callable[[Bench], list[Table]]]) -> int:
    console = Console()
    told = ROOT / "build" / "bench.json"
    told.unlink(missing_ok=True)  # figures of another time are not of this run
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with started(data_dir) as server, Progress(*columns, console=console, transient=True) as progress:
        settings = " ".join(f"{name}={value}" for name, value in server.settings().items())
        console.print(f"PostgreSQL: {settings}", soft_wrap=True)
        console.print(f"{os.cpu_count()} CPUs; {plan.wallets:,} wallets; load over HTTP by {GENERATOR}", soft_wrap=True)
        bar = progress.add_task("", total=len(names) + len(extras) + 1)
        begin = time.monotonic()
        bench = Bench(
            server, plan, lambda text: console.print(f"{time.monotonic() - begin:6.0f} s  {text}", soft_wrap=True)
        )
        results = []
        with closing(bench):
            for name in names:
                progress.update(bar, description=name)
                results.append(_row(name, bench))
                progress.advance(bar)
        drawn = []
        try:
            for extra in extras:
                progress.update(bar, description="tables")
                drawn += extra(bench)
                progress.advance(bar)
        except NotAnswered as error:
            console.print(f"benchmarks: {error}")
            return FAILED
        progress.update(bar, description="audit")
        for name in bench.ledgers:  # now that all is measured
            server.execute(f"ALTER DATABASE {name} SET work_mem = '128MB'")
        if not all(asyncio.run(_audits(bench))):
            console.print("benchmarks: the ledger is not whole, so no figure is told")
            return FAILED
    console.width = max(console.width, _NARROWEST)
    for each in (*([table(results)] if results else []), *drawn):
        console.print(each)
    for one in results:
        console.print(f"{one.name}: {one.note}", highlight=False)
    if results:
        write(results, told)
        console.print(f"{told.relative_to(ROOT)} is written")
    return FAILED if any(one.note.startswith(_FAILED) for one in results) else 0


def _row(name: str, bench: Bench) -> Result:
    row = ROWS[name]
    try:
        measured = row.measure(bench)
    except (NotAnswered, tekana.TekanaError) as error:
        bench.tell(f"{name}: {_FAILED}{error}")
        measured = Measured([], f"{_FAILED}{error}")
    return result_of(name, row.unit, row.goal, measured)


async def _audits(bench: Bench) -> list[bool]:
    return await asyncio.gather(*(_whole(bench, name) for name in bench.ledgers))


async def _whole(bench: Bench, ledger: str) -> bool:
    async with tekana.connect(bench.server.url(ledger)) as app:
        findings = [finding async for finding in app.audit()]
    for finding in findings:
        if not finding.whole:
            bench.tell(as_line(finding))
    bench.tell(f"audit of {ledger}: {sum(one.whole for one in findings)} of {len(findings)} invariants hold")
    return all(finding.whole for finding in findings)


if __name__ == "__main__":
    main()
