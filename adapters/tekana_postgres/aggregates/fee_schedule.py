"""The rows of fee schedules: added, and ended, under the lock of the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import asyncpg

from tekana.domain.fees import FeeSchedule
from tekana.domain.identifiers import FeeScheduleId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.aggregates.limits import count_change_of_terms, lock_terms
from tekana_postgres.fees import FEE_SCHEDULE_COLUMNS, SOME_FEE_SCHEDULES, fee_schedule_of
from tekana_postgres.row_locks import RowLock
from tekana_postgres.rows import write_json

_values: Final = attrgetter(*FEE_SCHEDULE_COLUMNS)
_BANDS, _SHARES = (FEE_SCHEDULE_COLUMNS.index(name) for name in ("bands", "shares"))
_INSERT: Final = f"""
INSERT INTO fee_schedules ({", ".join(FEE_SCHEDULE_COLUMNS)})
VALUES ({", ".join(f"${number}" for number in range(1, len(FEE_SCHEDULE_COLUMNS) + 1))})
"""
_END: Final = "UPDATE fee_schedules SET valid_until = $2 WHERE id = $1"


class FeeScheduleRows(KindRows):
    """Implements KindRows for fee schedules."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[FeeScheduleId], row_lock: RowLock
    ) -> dict[FeeScheduleId, FeeSchedule]:
        if not await lock_terms(connection, row_lock):
            return {}
        # In a statement of its own, which sees what was saved by those that the lock waited for.
        found = map(fee_schedule_of, await connection.fetch(SOME_FEE_SCHEDULES, ids))
        return {one.id: one for one in found}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[FeeScheduleId, FeeSchedule],
        changed: Mapping[FeeScheduleId, FeeSchedule],
    ) -> None:
        if added:
            await connection.executemany(_INSERT, list(map(_row, added.values())))
        if changed:
            await connection.executemany(_END, [(one.id, one.valid_until) for one in changed.values()])
        await count_change_of_terms(connection)


class TermsRows(KindRows):
    """Implements KindRows for the terms: their lock is that of all fee schedules, also of those that do not exist."""

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[int], row_lock: RowLock) -> dict[int, bool]:
        return dict.fromkeys(ids, True) if await lock_terms(connection, row_lock) else {}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[int, bool],
        changed: Mapping[int, bool],
    ) -> None:
        raise NotImplementedError("the terms are only locked")


def _row(one: FeeSchedule) -> tuple[Any, ...]:
    values = [*_values(one)]
    values[_BANDS], values[_SHARES] = write_json(one.bands), write_json(one.shares)
    return tuple(values)
