"""The rows of exchange rates: only added, under the lock of the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

import asyncpg

from tekana.domain.rates import Rate, RateId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.aggregates.limits import count_change_of_terms, lock_terms
from tekana_postgres.rates import LATEST_RATES, RATE_COLUMNS, rate_of
from tekana_postgres.row_locks import RowLock

_values: Final = attrgetter("id", *RATE_COLUMNS)
_INSERT: Final = f"""
INSERT INTO rates (id, {", ".join(RATE_COLUMNS)})
VALUES ({", ".join(f"${number}" for number in range(1, len(RATE_COLUMNS) + 2))})
"""


class RateRows(KindRows):
    """Implements KindRows for exchange rates."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[RateId], row_lock: RowLock
    ) -> dict[RateId, Rate]:
        if not await lock_terms(connection, row_lock):
            return {}
        # In a statement of its own, which sees what was saved by those that the lock waited for.
        return {row["id"]: rate_of(row) for row in await connection.fetch(LATEST_RATES, ids)}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[RateId, Rate],
        changed: Mapping[RateId, Rate],  # noqa: ARG002 - each setting is a new row
    ) -> None:
        if added:
            await connection.executemany(_INSERT, list(map(_values, added.values())))
            await count_change_of_terms(connection)
