"""How cost grows with history: the same figures for a ledger without transfers and for ever larger ledgers."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter

from rich.table import Table

import tekana
from benchmarks import engine
from benchmarks.bench import Bench
from benchmarks.results import Run
from tekana.cli.audit import as_line

LEDGER, EMPTY_LEDGER = "tekana_growth", "tekana_growth_empty"
_HISTORY = ("transactions", "entries", "idempotency_keys", "outbox")

# Sizes and cumulative statistics of PostgreSQL. Those of a connection are included once it has ended.
_COUNTERS = """
WITH sized AS (  -- the outbox is in parts
    SELECT relid, CASE WHEN relid IN (SELECT p.relid FROM pg_partition_tree('outbox') p) THEN 'outbox' ELSE relname END
        AS name FROM pg_stat_user_tables
)
SELECT 'WAL' AS name, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS value
UNION ALL SELECT 'whole pages in WAL', wal_fpi FROM pg_stat_wal
UNION ALL SELECT name, sum(value)::bigint FROM pg_statio_user_tables, LATERAL (VALUES
    ('tables read', heap_blks_read), ('tables found', heap_blks_hit),
    ('indexes read', idx_blks_read), ('indexes found', idx_blks_hit)) AS pages (name, value) GROUP BY name
UNION ALL SELECT 'autovacuum runs', sum(autovacuum_count)::bigint FROM pg_stat_user_tables
UNION ALL SELECT 'dead rows', n_dead_tup FROM pg_stat_user_tables WHERE relname = 'wallets'
UNION ALL SELECT 'database', pg_database_size(current_database())
UNION ALL SELECT name, sum(pg_table_size(relid))::bigint FROM sized GROUP BY name
UNION ALL SELECT name || ' indexes', sum(pg_indexes_size(relid))::bigint FROM sized GROUP BY name
"""


class NotWhole(Exception):
    """The audit found a breach, so no figures are reported."""


def growth_table(bench: Bench) -> Table:
    """Measure each ledger of the plan, one after the other, and drop it afterwards.

    Raises NotWhole if the audit then finds a breach, Refused or Unavailable if a transfer is not posted.
    """
    columns = {}
    for rounds in bench.plan.growth_rounds:
        try:
            columns[f"{rounds * bench.plan.wallets:,}"] = _figures(bench, rounds)
        finally:
            _drop(bench, EMPTY_LEDGER, LEDGER)
    drawn = Table("Transfers in the ledger", title=f"Growth, with {bench.plan.wallets:,} wallets", title_justify="left")
    for name in columns:
        drawn.add_column(name, justify="right")
    for row in next(iter(columns.values())):
        drawn.add_row(row, *(column[row] for column in columns.values()))
    return drawn


def _drop(bench: Bench, *ledgers: str) -> None:
    for name in ledgers:
        bench.server.drop(name)
        bench.server.drop(f"{name}_unfinished")


def _figures(bench: Bench, rounds: int) -> dict[str, str]:
    for name, its_rounds in ((EMPTY_LEDGER, 0), (LEDGER, rounds)):
        _drop(bench, name)  # left by a killed run
        bench.log(f"{name}, {bench.plan.wallets:,} wallets, {its_rounds * bench.plan.wallets:,} transfers: creating it")
        bench.server.make_template(name, bench.plan.wallets, its_rounds, bench.log)
        _run(bench, name)  # not measured: a new ledger is not in PostgreSQL's cache yet
    spent: Counter[str] = Counter()

    def grown() -> Run:
        spent.subtract(_counters(bench))
        load = _run(bench, LEDGER)
        spent.update(_counters(bench))
        spent["transfers"] += load.answered
        return Run(value=load.per_second)

    runs = bench.pairs(f"with {rounds * bench.plan.wallets:,}", lambda: _run(bench, EMPTY_LEDGER).per_second, grown)
    left = _counters(bench)
    _drop(bench, EMPTY_LEDGER)  # frees disk space for the sorts of the audit
    seconds = asyncio.run(_audit_seconds(bench))
    each = {name: count / spent["transfers"] for name, count in spent.items()}
    found = {kind: spent[f"{kind} found"] for kind in ("tables", "indexes")}
    return {
        "Transfers a second": f"{statistics.median(run.value for run in runs):,.0f}",
        "Ratio to the empty ledger": f"{statistics.median(run.ratio or 0 for run in runs):.2f}",
        "Bytes on disk per transfer": f"{sum(each[name] + each[f'{name} indexes'] for name in _HISTORY):,.0f}",
        **{f"  {name} + indexes": f"{each[name]:,.0f} + {each[f'{name} indexes']:,.0f}" for name in _HISTORY},
        "Bytes of WAL per transfer": f"{each['WAL']:,.0f}",
        "  full-page images per transfer": f"{each['whole pages in WAL']:.2f}",
        **{f"Cache hits of {kind}": f"{n / (n + spent[f'{kind} read']):.1%}" for kind, n in found.items()},
        "Dead rows of wallets": f"{left['dead rows']:,}",
        "Autovacuum runs": f"{spent['autovacuum runs']:,}",
        "Size of the database": f"{left['database'] / 1e9:.1f} GB",
        "Audit": f"{seconds:,.0f} s",
    }


def _run(bench: Bench, name: str) -> engine.Load:
    return engine.transfers(bench.server.url(name), bench.plan.seconds, bench.plan.wallets)


def _counters(bench: Bench) -> dict[str, int]:
    while bench.server.execute(f"SELECT FROM pg_stat_activity WHERE datname = '{LEDGER}' AND usename IS NOT NULL"):
        time.sleep(0.1)
    return dict(bench.server.execute(_COUNTERS, LEDGER))


async def _audit_seconds(bench: Bench) -> float:
    seconds, whole = 0.0, True
    async with tekana.connect(bench.server.url(LEDGER)) as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        async for finding in app.audit():
            bench.log(as_line(finding))
            seconds, whole = seconds + finding.seconds, whole and finding.ok
    if not whole:
        raise NotWhole(f"{LEDGER} is not whole, so no figures are reported")
    return seconds
