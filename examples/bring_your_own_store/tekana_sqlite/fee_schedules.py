"""Fee schedules."""

from __future__ import annotations

from msgspec import json

from tekana import Caller, FeeSchedule, FeeScheduleId
from tekana.domain.fees import fee_schedule_not_found
from tekana.domain.policy import can_see_fee_schedule

from .database import Database


def all_fee_schedules(database: Database) -> dict[FeeScheduleId, FeeSchedule]:
    """Return the fee schedules by id, in the order of creation."""
    rows = database.rows("SELECT body FROM fee_schedules ORDER BY id")
    return {one.id: one for one in (json.decode(body, type=FeeSchedule) for [body] in rows)}


def save_fee_schedule(database: Database, one: FeeSchedule) -> None:
    """Save a schedule, or its end."""
    statement = "INSERT INTO fee_schedules VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
    database.rows(statement, one.id, json.encode(one).decode())


class SqliteFeeSchedules:
    """Implements tekana.ports.fee_schedules.FeeSchedules."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def list(self) -> tuple[FeeSchedule, ...]:
        found = all_fee_schedules(self._database).values()
        return tuple(one for one in found if can_see_fee_schedule(self._caller, one))

    async def get(self, fee_schedule_id: FeeScheduleId) -> FeeSchedule:
        found = all_fee_schedules(self._database).get(fee_schedule_id)
        if found is None or not can_see_fee_schedule(self._caller, found):
            raise fee_schedule_not_found(fee_schedule_id)
        return found
