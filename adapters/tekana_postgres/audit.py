"""The audit, asked of the database, on one snapshot: it sees one moment of a ledger that stays in use."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import asyncpg

from tekana.application.audit.checks import BREACHES_SHOWN_MAX
from tekana.ports.audit import Finding
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.invariants import CHECKS, Check, with_types

_LONGEST = 6 * 3600  # seconds for one check: a large ledger takes its time

# Everything is looked at, so tables are read from end to end, without their indexes: what one has lost is not missed.
# Hardly a row is ever found, which the planner cannot know: rows that workers hand over are no reason to go without.
_SETTINGS = """
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL work_mem = '128MB';
SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off
"""


async def audit(url: str) -> AsyncIterator[Finding]:
    """Check every invariant on one snapshot; one finding each."""
    pool = ConnectionPool(url, size=1)
    try:
        async with (
            raw_connection(pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_SETTINGS)
            counts: dict[str, int] = {}
            for check in CHECKS:
                for finding in await _findings(connection, check, counts):
                    yield finding
    finally:
        await pool.close()


async def _findings(connection: asyncpg.Connection, check: Check, counts: dict[str, int]) -> list[Finding]:
    """One for each of its invariants, which share the time. `counts` are those of the tables counted so far."""
    begin = time.perf_counter()
    if check.table not in counts:
        counts[check.table] = await connection.fetchval(f"SELECT count(*) FROM {check.table}", timeout=_LONGEST)
    breaches = with_types(check.breaches)
    if len(check.invariants) == 1:
        breaches = f"SELECT {check.invariants[0].number}, breach FROM ({breaches}) q (breach)"
    rows = await connection.fetch(
        "SELECT number, breach, breaches FROM ("
        " SELECT number, breach, count(*) OVER (PARTITION BY number) AS breaches,"
        f"  row_number() OVER (PARTITION BY number) AS place FROM ({breaches}) q (number, breach)"
        ") numbered WHERE place <= $1",
        BREACHES_SHOWN_MAX,
        timeout=_LONGEST,
    )
    seconds = (time.perf_counter() - begin) / len(check.invariants)
    findings = []
    for invariant in check.invariants:
        broken = [row for row in rows if row["number"] == invariant.number]
        findings.append(
            Finding(
                invariant,
                checked=counts[check.table],
                seconds=seconds,
                breach_count=broken[0]["breaches"] if broken else 0,
                breaches=tuple(row["breach"] for row in broken),
            )
        )
    return findings
