"""Tables measured in place of the rows: behaviour as load or history grows, and the time of each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.table import Table

from benchmarks import steps
from benchmarks.bench import Bench
from benchmarks.fairness import fairness, fairness_table
from benchmarks.growth import growth_table
from benchmarks.links import links_table
from benchmarks.overload import overload, overload_table
from benchmarks.processes import tekana_serving
from benchmarks.terms import terms_table
from benchmarks.topology import topology_table
from benchmarks.workers import workers_table


class TableDefinition(NamedTuple):
    """The description of a table, and the function that measures it."""

    about: str
    make: Callable[[Bench], Sequence[Table]]


def _steps(bench: Bench) -> Sequence[Table]:
    found = steps.measure(bench.ledger(), bench.plan.wallets)
    steps.draw(found)
    return [found]


def _overload(bench: Bench) -> Sequence[Table]:
    with tekana_serving(bench.ledger(), workers=1) as service:  # one worker, as each has its own command queue
        return [overload_table(overload(bench, service)), fairness_table(*fairness(bench, service))]


TABLES: dict[str, TableDefinition] = {
    "steps": TableDefinition("the time of each step of a transfer, and the picture of it", _steps),
    "workers": TableDefinition(
        "transfers and deposits with 1, 2 and 4 workers, and two servers", lambda bench: [workers_table(bench)]
    ),
    "overload": TableDefinition(
        "a multiple of the normal connections, and batches concurrent with single transfers", _overload
    ),
    "links": TableDefinition("what the links of history cost", lambda bench: [links_table(bench)]),
    "terms": TableDefinition("what limits and fees cost", lambda bench: [terms_table(bench)]),
    "topology": TableDefinition(
        "one process compared with a gateway and services over Kafka", lambda bench: [topology_table(bench)]
    ),
    "growth": TableDefinition(
        "the cost of a transfer as the ledger grows; needs 15 GB", lambda bench: [growth_table(bench)]
    ),
}
