"""End a fee schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import Time, to_time
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.errors import FeeScheduleEnded, FeeScheduleNotFound, HouseForbidden, Refused, invalid
from tekana.domain.fees import FeeSchedule, fee_schedule_not_found
from tekana.domain.identifiers import FeeScheduleId
from tekana.domain.lock_set import LockSet
from tekana.domain.policy import has_all_tenants


class EndFeeSchedule(Struct, frozen=True, kw_only=True):
    """Have a fee schedule apply no longer: from now on, or from a time before its end.

    One that has not begun never applies. Another schedule for the same can begin where this one ends.

    Attributes:
        at: when it ends; left out, now.
    """

    NAME: ClassVar[str] = "EndFeeSchedule"
    SCOPE: ClassVar[Scope] = "fees:write"
    IDS: ClassVar[tuple[str, ...]] = ("fee_schedule_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (HouseForbidden, FeeScheduleNotFound, FeeScheduleEnded)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"at": "2099-06-30T22:00:00Z"}

    fee_schedule_id: FeeScheduleId
    at: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at is not None:
            force_setattr(self, "at", to_time("at", self.at))

    def locks(self) -> LockSet:
        return LockSet(others=(FEE_SCHEDULES.ref(self.fee_schedule_id),))

    def decide(self, book: Book) -> FeeSchedule:
        """End the schedule. Raises InvalidRequest if the time is in the past, or after its end."""
        if not has_all_tenants(book.caller):
            raise HouseForbidden("fees are those of all tenants: this needs the scope tenants:all")
        schedule = book.locked.of(FEE_SCHEDULES).get(self.fee_schedule_id)
        if schedule is None:
            raise fee_schedule_not_found(self.fee_schedule_id)
        at: datetime = self.at or book.now
        if schedule.valid_until is not None and schedule.valid_until <= book.now:
            raise FeeScheduleEnded(f"the fee schedule ended at {schedule.valid_until.isoformat()}")
        if at < book.now:
            raise invalid("at", "must not be in the past")
        if schedule.valid_until is not None and at > schedule.valid_until:
            raise invalid("at", f"must be before its end, at {schedule.valid_until.isoformat()}")
        ended = replace(schedule, valid_until=max(at, schedule.valid_from))
        book.change(FEE_SCHEDULES, ended.id, ended)
        book.locked.of(FEE_SCHEDULES)[ended.id] = ended
        return ended
