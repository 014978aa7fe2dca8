"""The reader of fee schedules."""

from __future__ import annotations

from typing import Protocol

from tekana.domain.fees import FeeSchedule
from tekana.domain.identifiers import FeeScheduleId


class FeeSchedules(Protocol):
    """The fee schedules, those that have ended or not begun included: those for all tenants, or the caller's.

    Reads come from the primary database. Every method may raise Unavailable.
    """

    async def list(self) -> tuple[FeeSchedule, ...]:
        """Return all that the caller may see, in the order of creation."""
        ...

    async def get(self, fee_schedule_id: FeeScheduleId) -> FeeSchedule:
        """Return a schedule.

        Raises:
            FeeScheduleNotFound: none that the caller may see has this id.
        """
        ...
