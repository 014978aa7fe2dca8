"""The audit of links: each row is as its link says, each link follows the one before, and checkpoints still hold.

It reads link by link, on one snapshot, so its memory does not depend on the size of the ledger.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import asyncpg

from tekana.application.audit.checks import BREACHES_SHOWN_MAX
from tekana.ports.audit import Finding, Invariant
from tekana.ports.history import Head, HistoryKeys, Progress
from tekana_postgres.audit import require_newest
from tekana_postgres.chain_verifier import Breaches, ChainVerifier, Counts
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.history_links import LINK_COLUMNS, TRANSACTION_BYTES
from tekana_postgres.unlinked_rows import LINKED_TABLES, TIMEOUT_SECONDS

ROWS: Final = Invariant(15, "every row of history is as it was written")
LINKS: Final = Invariant(16, "each link of history follows the one before")
LINKED: Final = Invariant(17, "every row of history is in a link")
CHECKPOINTS: Final = Invariant(18, "history goes on from every checkpoint")

_LINKS_READ: Final = 200

# Rows are found by their ids, whatever the statistics of the tables say.
_SETTINGS: Final = """
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL work_mem = '64MB';
SET LOCAL plan_cache_mode = force_generic_plan
"""
_BY_INDEX: Final = "SET LOCAL enable_seqscan = off"
_TOTAL: Final = f"SELECT coalesce(sum(octet_length(transactions) / {TRANSACTION_BYTES}), 0)::bigint FROM history_links"
_LINKS: Final = f"SELECT {LINK_COLUMNS} FROM history_links ORDER BY chain, number"


async def audit_chain(
    url: str, keys: HistoryKeys, checkpoints: Sequence[Head] | None, progress: Progress
) -> AsyncIterator[Finding]:
    """Verify all links and rows on one snapshot, and yield the findings. Its arguments are those of `History.audit`."""
    pool = ConnectionPool(url, size=1)
    try:
        async with (
            raw_connection(pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await require_newest(connection)
            await connection.execute(_SETTINGS)
            begin = time.perf_counter()
            stored = await _count(connection)
            await connection.execute(_BY_INDEX)
            verifier = ChainVerifier(connection, keys, checkpoints or ())
            await _verify(connection, verifier, progress)
            seconds = (time.perf_counter() - begin) / 2
            yield verifier.rows.finding(ROWS, sum(verifier.counts), seconds)
            yield verifier.links.finding(LINKS, verifier.link_count, seconds)
            unlinked = time.perf_counter()
            breaches = await _find_unlinked(connection, stored, verifier.counts)
            yield breaches.finding(LINKED, sum(stored), time.perf_counter() - unlinked)
            if checkpoints is not None:
                yield verifier.checkpoints.finding(CHECKPOINTS, len(checkpoints), 0.0)
    finally:
        await pool.close()


async def _verify(connection: asyncpg.Connection, verifier: ChainVerifier, progress: Progress) -> None:
    total = await connection.fetchval(_TOTAL, timeout=TIMEOUT_SECONDS)
    cursor = await connection.cursor(_LINKS, timeout=TIMEOUT_SECONDS)
    while rows := await cursor.fetch(_LINKS_READ, timeout=TIMEOUT_SECONDS):
        await verifier.verify(rows)
        progress(verifier.counts.transactions, total)
    verifier.end()


async def _count(connection: asyncpg.Connection) -> Counts:
    return Counts(*[await one.count_rows(connection) for one in LINKED_TABLES])


async def _find_unlinked(connection: asyncpg.Connection, stored: Counts, verified: Counts) -> Breaches:
    """Find the rows that no link names. Rows are counted first, as the search takes longer than all else."""
    found = Breaches()
    for table, has, was_verified in zip(LINKED_TABLES, stored, verified, strict=True):
        if has > was_verified:
            first = await table.first_unlinked(connection, BREACHES_SHOWN_MAX)
            for breach in first:
                found.add(f"{breach}: is in no link")
            found.count += max(0, has - was_verified - len(first))
    return found
