"""What every row needs: the PostgreSQL server with its ledgers, the reference, and paired runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import http_load, tpcb
from benchmarks.engine import Load
from benchmarks.http_load import Kind, NotAnswered
from benchmarks.processes import Service, tekana_serving
from benchmarks.results import Run
from benchmarks.server import Server, template_name
from benchmarks.tpcb import TpcB

_PER_REQUEST: dict[Kind, int] = {"random": 1, "hot": 1, "deposit": 1, "batch": 1000, "wallet": 0}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured: the number of pairs, the seconds of a run, and the size of the ledgers.

    A reference run takes `reference_seconds` for each number of clients. In the grown ledger every wallet has
    paid `rounds` times; `growth_rounds` is the same for each ledger of the growth table.
    """

    pairs: int
    seconds: float
    reference_seconds: float
    memory_seconds: float
    wallets: int
    rounds: int
    growth_rounds: tuple[int, ...]


FULL = Plan(
    pairs=3,
    seconds=15,
    reference_seconds=10,
    memory_seconds=60,
    wallets=1_000_000,
    rounds=5,
    growth_rounds=(0, 1, 10),
)
QUICK = Plan(
    pairs=2,
    seconds=4,
    reference_seconds=2,
    memory_seconds=10,
    wallets=100_000,
    rounds=5,
    growth_rounds=(0, 1, 5),
)

WORKERS = 2
LEDGER, GROWN_LEDGER = "tekana_bench", "tekana_bench_grown"


class Bench:
    """A server to measure on. Its two ledgers are created when first needed, and audited at the end.

    `tekana serve` on the first ledger is also started when first needed; rows without a server of their own share it,
    and `close` stops it.
    """

    def __init__(self, server: Server, plan: Plan, log: Callable[[str], None]) -> None:
        self.server = server
        self.plan = plan
        self.log = log
        self.ledgers: list[str] = []
        self.generator_share = 0.0  # of one CPU, the most that it can use; the maximum of all runs so far
        self._tpcb: TpcB | None = None
        self._service: Service | None = None
        self._stack = ExitStack()

    def close(self) -> None:
        """Stop everything that was started, except the database."""
        self._service = None
        self._stack.close()

    @property
    def service(self) -> Service:
        """Return the shared `tekana serve` with WORKERS workers."""
        if self._service is None:
            self._service = self._stack.enter_context(tekana_serving(self.ledger(), workers=WORKERS))
        return self._service

    @property
    def tpcb(self) -> TpcB:
        """Return the reference, TPC-B."""
        if self._tpcb is None:
            if not self.server.has(tpcb.DATABASE):
                self.log("pgbench: creating its database")
            self._tpcb = TpcB(self.server)
        return self._tpcb

    def ledger(self) -> str:
        """Return the URL of the ledger with one deposit into each wallet and no transfers."""
        return self._copy(LEDGER, rounds=0)

    def grown_ledger(self) -> str:
        """Return the URL of the ledger with a long history of transfers."""
        return self._copy(GROWN_LEDGER, rounds=self.plan.rounds)

    def copy_of_ledger(self, name: str) -> str:
        """Return the URL of a further copy of that ledger."""
        return self._copy(name, rounds=0)

    def _copy(self, name: str, rounds: int) -> str:
        if name not in self.ledgers:
            template = template_name(self.plan.wallets, rounds)
            making = "copying" if self.server.has(template) else "creating its template"
            self.log(f"{name}, {self.plan.wallets:,} wallets, {rounds * self.plan.wallets:,} transfers: {making}")
            self.server.make_template(template, self.plan.wallets, rounds, self.log)
            self.server.copy(template, name)
            self.ledgers.append(name)
        return self.server.url(name)

    # ------------------------------------------------------------------ runs

    def pairs(self, name: str, reference: Callable[[], float], ours: Callable[[], Run]) -> list[Run]:
        """Measure in pairs: a run of the reference, then a run of tekana."""
        runs = []
        for number in range(1, self.plan.pairs + 1):
            compared = reference()
            run = ours()
            run = Run(value=run.value, reference=compared, p50_ms=run.p50_ms, p99_ms=run.p99_ms)
            self.log(f"{name} {number}/{self.plan.pairs}: {run.value:,.4g}, reference {compared:,.4g}")
            runs.append(run)
        return runs

    def tpcb_per_second(self) -> float:
        """Run the reference; return its transactions per second."""
        return self.tpcb.per_second(self.plan.reference_seconds)

    def http(self, service: Service, kind: Kind) -> Run:
        """Run a load over HTTP; return transfers (for wallets: requests) per second, all confirmed to be posted.

        Raises NotAnswered if anything was refused, failed or not posted.
        """
        per_request = _PER_REQUEST[kind]
        last = self.server.execute("SELECT max(position) FROM outbox", LEDGER)[0][0] if per_request else 0
        load = http_load.run(service.port, kind, self.plan.wallets, self.plan.seconds)
        self.generator_share = max(self.generator_share, load.generator_share)
        if per_request:
            self._check_posted(last, load, per_request)
        return Run(value=load.per_second * (per_request or 1), p50_ms=load.p50_ms, p99_ms=load.p99_ms)

    def _check_posted(self, last: int, load: Load, per_request: int) -> None:
        (statuses,) = self.server.execute(
            "SELECT count(*) FILTER (WHERE t.status = 'posted'), count(*) FILTER (WHERE t.status <> 'posted') "
            f"FROM outbox o JOIN transactions t ON t.id = o.transaction_id WHERE o.position > {last}",
            LEDGER,
        )
        posted, refused = statuses
        if refused or posted < load.answered * per_request:
            raise NotAnswered(f"{load.answered:,} requests were answered, {posted:,} transfers posted, {refused:,} not")
