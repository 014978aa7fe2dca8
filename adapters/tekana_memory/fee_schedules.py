"""Fee schedules, as they are read."""

from __future__ import annotations

from tekana.domain.caller import Caller
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.fees import FeeSchedule, fee_schedule_not_found
from tekana.domain.identifiers import FeeScheduleId
from tekana.domain.policy import can_see_fee_schedule
from tekana_memory.state import MemoryState


class MemoryFeeSchedules:
    """Implements tekana.ports.fee_schedules.FeeSchedules."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def list(self) -> tuple[FeeSchedule, ...]:
        found = sorted(self._state.items[FEE_SCHEDULES.name].items())
        return tuple(one for _, one in found if can_see_fee_schedule(self._caller, one))

    async def get(self, fee_schedule_id: FeeScheduleId) -> FeeSchedule:
        found = self._state.items[FEE_SCHEDULES.name].get(fee_schedule_id)
        if found is None or not can_see_fee_schedule(self._caller, found):
            raise fee_schedule_not_found(fee_schedule_id)
        one: FeeSchedule = found
        return one
