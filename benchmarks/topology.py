"""Compare a gateway with services to a single process: the same requests on the same ledger, in turn."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks import http_load
from benchmarks.bench import Bench
from benchmarks.engine import Load
from benchmarks.http_load import Kind, NotAnswered
from benchmarks.processes import Service, role_serving, tekana_serving
from benchmarks.server import CannotMeasure
from tests.kafka.brokers import ApacheKafka

_LOADS: Final[tuple[tuple[str, Kind, int], ...]] = (
    ("transfers", "random", 1),
    ("transfers", "random", 64),
    ("transfers", "random", 256),
    ("reads of a wallet", "wallet", 64),
)
_MOST_TRIES: Final = 5  # until the services have joined their consumer groups; each try waits for up to 20 seconds


def topology_table(bench: Bench) -> Table:
    """Measure each load on one process with one worker, and on a gateway with one service of each kind.

    Raises CannotMeasure where Apache Kafka was not fetched.
    """
    jars = os.environ.get("TEKANA_TEST_KAFKA_JARS")
    if not jars:
        raise CannotMeasure("run it with `nox -s bench -- --table topology`, which fetches Apache Kafka")
    broker = ApacheKafka(Path(jars))
    with ExitStack() as undo:
        undo.callback(broker.remove)
        broker.start()
        return _table(bench, f"kafka://{broker.address}")


def _table(bench: Bench, bus_url: str) -> Table:
    columns = [f"{name} {figure}" for name in ("one process", "gateway") for figure in ("/s", "p50 ms", "p99 ms")]
    drawn = Table(title="One process compared with a gateway and services over Kafka", title_justify="left")
    drawn.add_column("Load", no_wrap=True)
    for column in columns:
        drawn.add_column(column, justify="right")
    ledger = bench.ledger()
    for name, kind, connections in _LOADS:
        cells = []
        for serving in (tekana_serving(ledger, workers=1), _gateway_serving(ledger, bus_url)):
            try:
                with serving as service:
                    cells += _figures(_load(bench, service, kind, connections))
            except NotAnswered as error:
                cells += [str(error), "", ""]
        bench.log(f"{connections} x {name}: {cells}")
        drawn.add_row(f"{name}, {connections} at once", *cells)
    return drawn


@contextmanager
def _gateway_serving(database_url: str, bus_url: str) -> Iterator[Service]:
    """Run a gateway and its services on new topics."""
    sign = "&" if "?" in bus_url else "?"
    own = f"{bus_url}{sign}topic_prefix=bench-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        for role in ("customer", "wallet", "transaction"):
            stack.enter_context(role_serving(role, own, database_url))
        yield stack.enter_context(role_serving("gateway", own, None))


def _load(bench: Bench, service: Service, kind: Kind, connections: int) -> Load:
    for _ in range(_MOST_TRIES):
        if http_load.status_of_one(service.port, kind, bench.plan.wallets) < 300:
            break
    with http_load.start(
        service.port, kind, bench.plan.wallets, bench.plan.seconds, connections=connections
    ) as running:
        return running.finish()


def _figures(load: Load) -> list[str]:
    return [f"{load.per_second:,.0f}", f"{load.p50_ms:.1f}", f"{load.p99_ms:.1f}"]
