"""Commands on fee schedules. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.fees.create_fee_schedule import CreateFeeSchedule
from tekana.application.commands.fees.end_fee_schedule import EndFeeSchedule
from tekana.application.commands.group import CommandGroup

GROUP: Final = CommandGroup("fees", "transaction", (CreateFeeSchedule, EndFeeSchedule))

__all__ = ["CreateFeeSchedule", "EndFeeSchedule"]
