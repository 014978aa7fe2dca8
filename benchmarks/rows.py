"""The rows of the benchmark: what each measures, and its goal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import engine, http_load
from benchmarks.bench import GROWN_LEDGER, WORKERS, Bench
from benchmarks.http_load import Kind
from benchmarks.processes import bare_serving, tekana_serving
from benchmarks.results import Goal, Measured, Run

_TRANSFERS = "transfers/s"
_HISTORY = ("transactions", "entries", "idempotency_keys", "outbox")
_STILL_FLAT = 1.05  # maximal ratio of the last quarter's mean to the second quarter's


class Row(NamedTuple):
    """A row: its description, the unit of its values, its goal, and how it is measured."""

    about: str
    unit: str
    goal: Goal
    measure: Callable[[Bench], Measured]


def _growth(bench: Bench) -> Measured:
    grown, fresh = bench.grown_ledger(), bench.ledger()
    for url in (grown, fresh):
        _engine_run(bench, url)  # not measured: a new copy is not in PostgreSQL's cache yet
    runs = bench.pairs("growth", lambda: _engine_run(bench, fresh).value, lambda: _engine_run(bench, grown))
    return Measured(
        runs, f"with {bench.plan.rounds * bench.plan.wallets:,} transfers in the tables, compared with none"
    )


def _disk(bench: Bench) -> Measured:
    grown = bench.grown_ledger()
    before = _sizes(bench)
    # One long run: files grow by many pages at a time, so short runs would measure too much or nothing.
    done = engine.transfers(grown, bench.plan.pairs * bench.plan.seconds, bench.plan.wallets).answered
    grew = {table: (size - before[table]) / done for table, size in _sizes(bench).items()}
    history = sum(grew[table] for table in _HISTORY)
    bench.log(f"disk_per_transfer: {history:,.0f} bytes, over {done:,} transfers")
    beside = f"wallets, whose rows are only updated, {grew['wallets']:+,.0f} bytes in addition"
    return Measured([Run(value=history)], f"{', '.join(_HISTORY)}, with their indexes; {beside}")


def _sizes(bench: Bench) -> dict[str, int]:
    bench.server.execute("CHECKPOINT")
    names = ", ".join(f"'{table}'" for table in (*_HISTORY, "wallets"))
    question = (
        "SELECT t, pg_total_relation_size(t::regclass) + (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)"
        f" FROM pg_partition_tree(t::regclass) WHERE isleaf) FROM unnest(ARRAY[{names}]) t"
    )
    return {str(table): int(size) for table, size in bench.server.execute(question, GROWN_LEDGER)}


def _engine(bench: Bench) -> Measured:
    url = bench.ledger()
    return Measured(
        bench.pairs("engine_random", bench.tpcb_per_second, lambda: _engine_run(bench, url)),
        f"to TPC-B; {engine.WAITERS:,} callers",
    )


def _engine_hot(bench: Bench) -> Measured:
    url = bench.ledger()
    return Measured(
        bench.pairs("engine_hot", lambda: _engine_run(bench, url).value, lambda: _engine_run(bench, url, hot=True)),
        f"compared with engine_random; {engine.WAITERS:,} callers",
    )


def _holds(name: str, *, captured: bool) -> Callable[[Bench], Measured]:
    def measure(bench: Bench) -> Measured:
        url = bench.ledger()

        def run() -> Run:
            load = engine.holds(url, bench.plan.seconds, bench.plan.wallets, captured=captured)
            return Run(value=load.per_second, p50_ms=load.p50_ms, p99_ms=load.p99_ms)

        runs = bench.pairs(name, lambda: _engine_run(bench, url).value, run)
        return Measured(runs, f"compared with engine_random; {engine.WAITERS:,} callers")

    return measure


def _engine_run(bench: Bench, url: str, *, hot: bool = False) -> Run:
    load = engine.transfers(url, bench.plan.seconds, bench.plan.wallets, hot=hot)
    return Run(value=load.per_second, p50_ms=load.p50_ms, p99_ms=load.p99_ms)


def _latency(bench: Bench) -> Measured:
    url, seconds = bench.ledger(), bench.plan.reference_seconds

    def alone() -> Run:
        load = engine.transfers(url, seconds, bench.plan.wallets, waiters=1)
        return Run(value=load.p50_ms, p50_ms=load.p50_ms, p99_ms=load.p99_ms)

    runs = bench.pairs("latency_alone", lambda: bench.tpcb.milliseconds_alone(seconds), alone)
    return Measured(runs, "medians; compared with a single TPC-B transaction")


def _over_http(name: str, kind: Kind) -> Callable[[Bench], Measured]:
    def measure(bench: Bench) -> Measured:
        if http_load.status_of_one(bench.service.port, kind, bench.plan.wallets) == 404:
            bench.log(f"{name}: not measured, as the route does not exist")
            return Measured([], "not measured: 404")
        runs = bench.pairs(name, bench.tpcb_per_second, lambda: bench.http(bench.service, kind))
        return Measured(runs, f"to TPC-B; {_how(bench, kind)}")

    return measure


def _read_wallet(bench: Bench) -> Measured:
    with bare_serving(workers=WORKERS) as bare:
        runs = bench.pairs(
            "read_wallet", lambda: bench.http(bare, "wallet").value, lambda: bench.http(bench.service, "wallet")
        )
    return Measured(runs, f"compared with a bare route; {_how(bench, 'wallet')}")


def _how(bench: Bench, kind: Kind) -> str:
    generator = f"{http_load.GENERATOR} used at most {bench.generator_share:.0%} of a CPU"
    return f"{WORKERS} workers, {http_load.CONNECTIONS[kind]} connections; {generator}"


def _memory(bench: Bench) -> Measured:
    samples = []
    with (
        tekana_serving(bench.ledger(), workers=WORKERS) as service,
        http_load.start(service.port, "random", bench.plan.wallets, bench.plan.memory_seconds) as load,
    ):
        begin = time.monotonic()
        while not load.ended:
            samples.append(max(service.workers_memory()))
            time.sleep(1)
        seconds = time.monotonic() - begin
        load.finish()
    quarter = max(1, len(samples) // 4)
    early, late = statistics.fmean(samples[quarter : 2 * quarter]), statistics.fmean(samples[-quarter:])
    flat = late <= _STILL_FLAT * early
    slope = (late - early) / (seconds / 2 / 60)  # minutes between the middles of the two quarters
    note = f"{'flat' if flat else 'not flat'}, {slope:+.2f} MB a minute in {seconds:.0f} s of load"
    return Measured([Run(value=max(samples))], note, as_wanted=flat)


ROWS: dict[str, Row] = {
    "growth": Row(
        "the engine on a ledger with a long history, compared with one without", _TRANSFERS, Goal(at_least=0.8), _growth
    ),
    "disk_per_transfer": Row("bytes that a transfer adds to tables and indexes", "bytes", Goal(at_most=900), _disk),
    "engine_random": Row(
        "the posting engine in this process, between random wallets", _TRANSFERS, Goal(at_least=4), _engine
    ),
    "engine_hot": Row("the same, half of them to one wallet", _TRANSFERS, Goal(at_least=0.9), _engine_hot),
    "hold_authorize": Row(
        "holds that are authorized", "holds/s", Goal(at_least=0.7), _holds("hold_authorize", captured=False)
    ),
    "hold_capture": Row(
        "holds that are authorized, then captured", "holds/s", Goal(at_least=0.3), _holds("hold_capture", captured=True)
    ),
    "latency_alone": Row("a single transfer on an idle system", "ms", Goal(at_most=4), _latency),
    "http_random": Row(
        "single transfers over HTTP, between random wallets",
        _TRANSFERS,
        Goal(at_least=2.5, p99_ms=50),
        _over_http("http_random", "random"),
    ),
    "http_hot": Row(
        "the same, half of them to one wallet", _TRANSFERS, Goal(at_least=1.8), _over_http("http_hot", "hot")
    ),
    "batch": Row("batches of 1,000 transfers over HTTP", _TRANSFERS, Goal(at_least=3.5), _over_http("batch", "batch")),
    "read_wallet": Row(
        "reads of a wallet over HTTP, compared with a bare route", "requests/s", Goal(at_least=0.6), _read_wallet
    ),
    "worker_memory": Row("memory of a worker under load", "MB", Goal(at_most=150), _memory),
}
"""The rows in the order of measurement: growth first, while the ledger that it compares with is new."""
