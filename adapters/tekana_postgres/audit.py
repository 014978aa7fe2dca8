"""The audit in SQL, on one snapshot of a ledger that stays in use."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import asyncpg

from tekana.application.audit.checks import BREACHES_SHOWN_MAX
from tekana.domain.errors import Unavailable
from tekana.ports.audit import Finding
from tekana_postgres.auditor import BREACHES as AUDITOR_BREACHES
from tekana_postgres.auditor import take_auditor_role
from tekana_postgres.catalogue import count_objects, differences, read_catalogue
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.invariants import SCHEMA, Check, checks
from tekana_postgres.revisions import check_revisions, newest_revision
from tekana_postgres.rights import BREACHES, RIGHTS_COUNT

_CHECK_TIMEOUT_SECONDS = 6 * 3600  # of one check of a large ledger

# Every row is read, so tables are scanned without indexes, which may be corrupt. The queries return hardly any rows,
# which the planner cannot know: the cost of rows from parallel workers must not prevent parallel plans.
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
    """Check every invariant on one snapshot, and yield a finding for each."""
    pool = ConnectionPool(url, size=1, take_role=take_auditor_role)
    try:
        async with (
            raw_connection(pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await require_newest(connection)
            await connection.execute(_SETTINGS)
            counts: dict[str, int] = {}
            for check in checks():
                for finding in await _findings(connection, check, counts):
                    yield finding
            yield await _check_schema(connection)
    finally:
        await pool.close()


async def require_newest(connection: asyncpg.Connection) -> None:
    """Raise Unavailable unless the database has the newest schema."""
    found = [row[0] for row in await connection.fetch("SELECT version_num FROM alembic_version")]
    check_revisions(found)
    if newest_revision() not in found:
        raise Unavailable(
            f"the audit checks schema {newest_revision()}, and the database is at {', '.join(found) or 'none'}: "
            "run tekana migrate, or audit with the version of tekana that migrated it"
        )


async def _findings(connection: asyncpg.Connection, check: Check, counts: dict[str, int]) -> list[Finding]:
    """Return a finding for each invariant of a check, with equal shares of its duration.

    Args:
        connection: a connection on the snapshot.
        check: the check to run.
        counts: the numbers of rows of tables, which this updates.
    """
    begin = time.perf_counter()
    if check.table not in counts:
        counts[check.table] = await connection.fetchval(
            f"SELECT count(*) FROM {check.table}", timeout=_CHECK_TIMEOUT_SECONDS
        )
    breaches = check.breaches
    if len(check.invariants) == 1:
        breaches = f"SELECT {check.invariants[0].number}, breach FROM ({breaches}) q (breach)"
    rows = await connection.fetch(
        "SELECT number, breach, breaches FROM ("
        " SELECT number, breach, count(*) OVER (PARTITION BY number) AS breaches,"
        f"  row_number() OVER (PARTITION BY number) AS breach_number FROM ({breaches}) q (number, breach)"
        ") numbered WHERE breach_number <= $1",
        BREACHES_SHOWN_MAX,
        timeout=_CHECK_TIMEOUT_SECONDS,
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


async def _check_schema(connection: asyncpg.Connection) -> Finding:
    """Compare tables, constraints, guards and rights with those that this version needs."""
    begin = time.perf_counter()
    found = await read_catalogue(connection)
    breaches = [
        *differences(found),
        *(row[0] for row in await connection.fetch(f"{BREACHES} UNION ALL {AUDITOR_BREACHES}")),
    ]
    return Finding(
        SCHEMA,
        checked=count_objects(found) + RIGHTS_COUNT,
        seconds=time.perf_counter() - begin,
        breach_count=len(breaches),
        breaches=tuple(breaches[:BREACHES_SHOWN_MAX]),
    )
