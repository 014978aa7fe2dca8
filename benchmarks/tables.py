"""What is measured in place of the rows: how things go as something else grows, and where time goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.table import Table

from benchmarks import steps
from benchmarks.bench import Bench
from benchmarks.fairness import fairness, fairness_table
from benchmarks.growth import growth_table
from benchmarks.overload import overload, overload_table
from benchmarks.processes import tekana_serving
from benchmarks.topology import topology_table
from benchmarks.workers import workers_table


class Making(NamedTuple):
    """What some tables are about, and how they are made."""

    about: str
    make: Callable[[Bench], Sequence[Table]]


def _steps(bench: Bench) -> Sequence[Table]:
    found = steps.measure(bench.ledger(), bench.plan.wallets)
    steps.draw(found)
    return [found]


def _overload(bench: Bench) -> Sequence[Table]:
    with tekana_serving(bench.ledger(), workers=1) as service:  # one, as each has a line of its own
        return [overload_table(overload(bench, service)), fairness_table(*fairness(bench, service))]


TABLES: dict[str, Making] = {
    "steps": Making("where the time of a transfer goes, and its picture", _steps),
    "workers": Making("http_random with 1, 2 and 4 workers, and two servers", lambda bench: [workers_table(bench)]),
    "overload": Making("many times as many connections, and batches beside single transfers", _overload),
    "topology": Making("one process, and a gateway with services over Kafka", lambda bench: [topology_table(bench)]),
    "growth": Making("what a transfer costs as the ledger grows; needs 15 GB", lambda bench: [growth_table(bench)]),
}
