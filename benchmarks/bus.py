"""`python -m benchmarks.bus`: check that no event is lost on the bus while relays, the broker and the database fail.

It starts its own PostgreSQL and Apache Kafka, and measures the engine and a relay alone. During the remaining
transactions each active relay is killed, the broker is stopped, one process of the database is killed, and then the
whole database. At the end it reads all topics and compares them with the outbox.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import rich_click as click
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bus_check import Tally
from benchmarks.bus_drill import Drill
from tekana_postgres.embedded import EmbeddedPostgres
from tests.kafka.brokers import ApacheKafka

FAILED, COULD_NOT_RUN, INTERRUPTED = 1, 2, 130

_FOLDER = "/var/tmp" if os.geteuid() == 0 else tempfile.gettempdir()  # noqa: S108 - PostgreSQL's account must enter


@click.command
@click.option(
    "--movements", default=100_000, show_default=True, type=click.IntRange(1000), help="Number of transactions."
)
def main(movements: int) -> None:
    """Exit with 0 if no event is lost, unexplained or out of order; with 1 if one is; with 2 if it could not run."""
    jars = os.environ.get("TEKANA_TEST_KAFKA_JARS")
    if not jars:
        click.echo("bus: run it with `nox -s bus`, which fetches Apache Kafka", err=True)
        sys.exit(COULD_NOT_RUN)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        drill, tally = _drill(Path(jars), movements)
    except KeyboardInterrupt:
        click.echo("bus: interrupted; all processes are stopped", err=True)
        sys.exit(INTERRUPTED)
    Console().print(_table(drill, tally))
    sys.exit(0 if tally.sound and drill.whole else FAILED)


def _drill(jars: Path, movements: int) -> tuple[Drill, Tally]:
    """Run the drill; remove its processes and data however it ends."""
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="tekana-bus-", dir=_FOLDER))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder)
        undo.callback(server.stop)
        broker = ApacheKafka(jars)
        undo.callback(broker.remove)
        broker.start()
        drill = Drill(server.start(), folder, broker)
        undo.enter_context(drill.relays())
        return drill, uvloop.run(drill.run(movements))


def _table(drill: Drill, tally: Tally) -> Table:
    """Return the table of results."""
    table = Table("", "", title="Delivery on the bus during failures")
    for name, value in (
        ("transactions", f"{drill.done:,}"),
        ("active relays killed", f"{drill.killed:,}"),
        ("events in the outbox", f"{tally.events:,}"),
        ("messages on the bus", f"{tally.messages:,}"),
        ("lost", f"{tally.lost:,}"),
        ("messages without an event in the outbox", f"{tally.without_cause:,}"),
        ("out of order, duplicates ignored", f"{tally.out_of_order:,}"),
        ("duplicates", f"{tally.duplicates:,}"),
        ("ledger", "whole" if drill.whole else "NOT WHOLE"),
        ("engine alone", f"{drill.engine:,.0f} transfers/s"),
        ("one relay alone", f"{drill.relay:,.0f} events/s, which are {drill.relay / 3:,.0f} transfers/s"),
        (f"until another relay is active ({len(drill.failovers)} times)", _median_and_worst(drill.failovers)),
    ):
        table.add_row(name, value)
    return table


def _median_and_worst(seconds: list[float]) -> str:
    if not seconds:
        return "not measured"
    return f"median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s"


if __name__ == "__main__":
    main()
