"""The rows of limits of tiers: only added. One lock is that of all of them, and orders the versions of the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from tekana.domain.tier_limits import TierLimits, TierLimitsId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.limits import LIMIT_COLUMNS, tier_limits_of
from tekana_postgres.row_locks import RowLock

_LOCK: Final = "SELECT id FROM terms {row_lock}"
_LATEST: Final = f"""
SELECT DISTINCT ON (id) {", ".join(LIMIT_COLUMNS)} FROM limits WHERE id = ANY($1) ORDER BY id, version DESC
"""
_INSERT: Final = f"""
INSERT INTO limits ({", ".join(LIMIT_COLUMNS)})
VALUES ({", ".join(f"${number}" for number, _ in enumerate(LIMIT_COLUMNS, 1))})
"""
_COUNT_CHANGE: Final = "UPDATE terms SET version = version + 1"


async def lock_terms(connection: asyncpg.Connection, row_lock: RowLock) -> bool:
    """Lock the terms, and return whether that was possible: with SKIP LOCKED, another unit may have the lock."""
    return bool(await connection.fetch(_LOCK.format(row_lock=row_lock)))


async def count_change_of_terms(connection: asyncpg.Connection) -> None:
    """Count a change of the terms, so that every process reads them again."""
    await connection.execute(_COUNT_CHANGE)


class LimitsRows(KindRows):
    """Implements KindRows for limits of tiers."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[TierLimitsId], row_lock: RowLock
    ) -> dict[TierLimitsId, TierLimits]:
        if not await lock_terms(connection, row_lock):
            return {}
        # In a statement of its own, which sees what was saved by those that the lock waited for.
        return {row["id"]: tier_limits_of(row) for row in await connection.fetch(_LATEST, ids)}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[TierLimitsId, TierLimits],
        changed: Mapping[TierLimitsId, TierLimits],  # noqa: ARG002 - each setting is a new row
    ) -> None:
        if added:
            await connection.executemany(_INSERT, [_row(one) for one in added.values()])
            await count_change_of_terms(connection)


def _row(one: TierLimits) -> tuple[Any, ...]:
    return one.id, one.version, one.tier, one.currency, one.valid_from, one.set_by, *one.limits
