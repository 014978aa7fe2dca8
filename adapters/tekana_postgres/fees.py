"""Fee schedules as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import msgspec

from tekana.domain.caller import Caller
from tekana.domain.fees import FeeBand, FeeSchedule, FeeShare, fee_schedule_not_found
from tekana.domain.identifiers import FeeScheduleId
from tekana.domain.policy import can_see_fee_schedule
from tekana_postgres.connections import ConnectionPool, raw_connection

FEE_SCHEDULE_COLUMNS: Final = (
    *("id", "transaction_type", "currency", "tier", "tenant", "paid_by", "bands", "minimum", "maximum", "tax_ppm"),
    *("shares", "valid_from", "valid_until", "created_by", "created_at"),
)
"""The columns of `fee_schedules`, which are the fields of a FeeSchedule."""

_COLUMNS: Final = ", ".join(FEE_SCHEDULE_COLUMNS)
SOME_FEE_SCHEDULES: Final = f"SELECT {_COLUMNS} FROM fee_schedules WHERE id = ANY($1) ORDER BY id"
_ALL: Final = f"SELECT {_COLUMNS} FROM fee_schedules ORDER BY id"


def fee_schedule_of(row: Mapping[str, Any]) -> FeeSchedule:
    """Read a row of `fee_schedules`."""
    values = {name: row[name] for name in FEE_SCHEDULE_COLUMNS}
    values["bands"] = msgspec.json.decode(row["bands"], type=tuple[FeeBand, ...])
    values["shares"] = msgspec.json.decode(row["shares"], type=tuple[FeeShare, ...])
    return FeeSchedule(**values)


async def read_fee_schedules(connection: asyncpg.Connection) -> tuple[FeeSchedule, ...]:
    """Return all fee schedules, in the order of creation."""
    return tuple(map(fee_schedule_of, await connection.fetch(_ALL)))


class PostgresFeeSchedules:
    """Implements tekana.ports.fee_schedules.FeeSchedules."""

    def __init__(self, pool: ConnectionPool, caller: Caller) -> None:
        self._pool = pool
        self._caller = caller

    async def list(self) -> tuple[FeeSchedule, ...]:
        async with raw_connection(self._pool) as connection:
            found = await read_fee_schedules(connection)
        return tuple(one for one in found if can_see_fee_schedule(self._caller, one))

    async def get(self, fee_schedule_id: FeeScheduleId) -> FeeSchedule:
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(SOME_FEE_SCHEDULES, [fee_schedule_id])
        for one in map(fee_schedule_of, rows):
            if can_see_fee_schedule(self._caller, one):
                return one
        raise fee_schedule_not_found(fee_schedule_id)
