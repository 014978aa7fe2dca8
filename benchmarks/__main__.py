"""`python -m benchmarks`: measure, audit the ledgers that were used, and print the figures only if they are whole."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import tekana
from benchmarks import comparison, interpreter
from benchmarks.bench import FULL, QUICK, Bench, Plan
from benchmarks.growth import NotWhole
from benchmarks.http_load import GENERATOR, NotAnswered
from benchmarks.processes import ROOT
from benchmarks.results import Measured, Result, result_of, table, write
from benchmarks.rows import ROWS
from benchmarks.server import CannotMeasure, started
from benchmarks.tables import TABLES, TableDefinition
from tekana.cli.audit import as_line
from tekana_postgres.embedded import EmbeddedPostgresError

FAILED = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130

_FAILED = "failed: "
_NARROWEST = 132  # columns, for the table: where there is no terminal, rich would take 80

# For root: a folder that the account PostgreSQL runs as can enter.
DATA_DIR = Path("/var/tmp" if os.geteuid() == 0 else tempfile.gettempdir(), "tekana-bench")  # noqa: S108 - kept on purpose


@click.command
@click.option("--quick", is_flag=True, help="Every row in under four minutes: shorter runs, fewer wallets.")
@click.option("--only", multiple=True, metavar="NAME", type=click.Choice(list(ROWS)), help="This row; repeatable.")
@click.option("--list", "list_", is_flag=True, help="List the rows, and measure nothing.")
@click.option(
    "--table", "tables", multiple=True, metavar="NAME", type=click.Choice(list(TABLES)), help="Instead; repeatable."
)
@click.option(
    "--against",
    metavar="COMMIT",
    help="Instead: compare this commit with the working tree, in turn on the same server.",
)
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
    tables: tuple[str, ...],
    against: str | None,
    hours: float | None,
    data_dir: Path,
) -> None:
    """Measure how fast tekana is, as ratios to PostgreSQL's TPC-B on the same server at the same time.

    Exit with 0 when everything was measured and the ledgers are whole, whether or not the goals are met; with 1 when a
    ledger is not whole or requests failed; with 2 when the measurement could not run.
    """
    if list_:
        for name, row in ROWS.items():
            click.echo(f"{name:<20}{row.about}")
        for name, making in TABLES.items():
            click.echo(f"--table {name:<12}{making.about}")
        return
    plan = QUICK if quick else FULL
    if hours is not None:
        plan = replace(plan, memory_seconds=3600 * hours)
    signal.signal(signal.SIGTERM, _interrupt)
    # Python's own handler, which event loops can replace; a shell may have started this process with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        instead = bool(tables or against) and not only
        names = [] if instead else [name for name in ROWS if not only or name in only]
        sys.exit(_measure(plan, names, data_dir, [TABLES[name] for name in tables], against))
    except NotWhole as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(FAILED)
    except (CannotMeasure, EmbeddedPostgresError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    except KeyboardInterrupt:
        click.echo("benchmarks: interrupted; all processes are stopped", err=True)
        sys.exit(INTERRUPTED)


def _interrupt(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def _measure(
    plan: Plan, names: list[str], data_dir: Path, extras: Sequence[TableDefinition], against: str | None
) -> int:
    console = Console()
    results_file = ROOT / "build" / "bench.json"
    results_file.unlink(missing_ok=True)  # left by an earlier run
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with started(data_dir) as server, Progress(*columns, console=console, transient=True) as progress:
        settings = " ".join(f"{name}={value}" for name, value in server.settings().items())
        console.print(f"PostgreSQL: {settings}", soft_wrap=True)
        console.print(interpreter.describe(), soft_wrap=True)
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
        drawn: list[Table] = []
        try:
            for extra in extras:
                progress.update(bar, description="tables")
                drawn += extra.make(bench)
                progress.advance(bar)
            if against:
                progress.update(bar, description=f"comparison with {against}")
                figures = comparison.compare(bench, against)
                write(figures, ROOT / "build" / "compared.json")
                drawn.append(comparison.table(figures, against))
        except NotAnswered as error:
            console.print(f"benchmarks: {error}")
            return FAILED
        progress.update(bar, description="audit")
        if not all(asyncio.run(_audits(bench))):
            console.print("benchmarks: the ledger is not whole, so no figures are reported")
            return FAILED
    console.width = max(console.width, _NARROWEST)
    for each in (*([table(results)] if results else []), *drawn):
        console.print(each)
    for one in results:
        console.print(f"{one.name}: {one.note}", highlight=False)
    if results:
        write(results, results_file)
        console.print(f"{results_file.relative_to(ROOT)} is written")
    return FAILED if any(one.note.startswith(_FAILED) for one in results) else 0


def _row(name: str, bench: Bench) -> Result:
    row = ROWS[name]
    try:
        measured = row.measure(bench)
    except (NotAnswered, tekana.TekanaError) as error:
        bench.log(f"{name}: {_FAILED}{error}")
        measured = Measured([], f"{_FAILED}{error}")
    return result_of(name, row.unit, row.goal, measured)


async def _audits(bench: Bench) -> list[bool]:
    return await asyncio.gather(*(_whole(bench, name) for name in bench.ledgers))


async def _whole(bench: Bench, ledger: str) -> bool:
    async with tekana.connect(bench.server.url(ledger)) as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        findings = [finding async for finding in app.audit()]
    for finding in findings:
        if not finding.ok:
            bench.log(as_line(finding))
    bench.log(f"audit of {ledger}: {sum(one.ok for one in findings)} of {len(findings)} invariants hold")
    return all(finding.ok for finding in findings)


if __name__ == "__main__":
    main()
