"""The links of history, for checkpoints and for the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from tekana.ports.audit import Finding
from tekana.ports.history import Head, HistoryKeys, Progress
from tekana_postgres.chain_audit import audit_chain
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.history_seal import seal

# One look into the index for each chain, however many links it has.
_HEADS: Final = """
WITH RECURSIVE heads AS (
    (SELECT chain, number, digest FROM history_links ORDER BY chain DESC, number DESC LIMIT 1)
    UNION ALL
    SELECT next.* FROM heads, LATERAL (
        SELECT chain, number, digest FROM history_links WHERE chain < heads.chain
        ORDER BY chain DESC, number DESC LIMIT 1
    ) next
)
SELECT chain, number, digest FROM heads
"""
_MISSING: Final = """
SELECT h.chain, h.number, h.digest FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS h (chain, number, digest)
WHERE NOT EXISTS (
    SELECT FROM history_links l WHERE (l.chain, l.number, l.digest) = (h.chain, h.number, h.digest)
)
"""


class PostgresHistory:
    """Implements tekana.ports.history.History."""

    def __init__(self, url: str, pool: ConnectionPool, keys: HistoryKeys) -> None:
        self._url = url
        self._pool = pool
        self._keys = keys

    async def heads(self) -> Sequence[Head]:
        async with raw_connection(self._pool) as connection:
            return [Head(*row) for row in await connection.fetch(_HEADS)]

    async def find_missing(self, heads: Sequence[Head]) -> Sequence[Head]:
        columns = [list(column) for column in zip(*heads, strict=True)] or [[], [], []]
        async with raw_connection(self._pool) as connection:
            return [Head(*row) for row in await connection.fetch(_MISSING, *columns)]

    def audit(self, checkpoints: Sequence[Head] | None, progress: Progress) -> AsyncIterator[Finding]:
        return audit_chain(self._url, self._keys, checkpoints, progress)

    async def seal(self, progress: Progress) -> int:
        return await seal(self._url, self._keys, progress)
