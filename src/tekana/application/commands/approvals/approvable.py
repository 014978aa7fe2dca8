"""The commands that can be set to need an approval. A new one needs its name here, and 202 among its route's answers.

An approval keeps its command for ever, so a command with personal data cannot be one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tekana.application.commands.command import Command
from tekana.application.commands.customers.reactivate_customer import ReactivateCustomer
from tekana.application.commands.limits.override_limits import OverrideLimits
from tekana.application.commands.limits.set_limits import SetLimits
from tekana.application.commands.money.adjust_balance import AdjustBalance
from tekana.domain.approvals import Approval

APPROVABLE: Final[Mapping[str, type[Command[Any]]]] = {
    kind.NAME: kind for kind in (AdjustBalance, ReactivateCustomer, SetLimits, OverrideLimits)
}
"""The commands that can need an approval, by their stable names. None is ever removed: stored approvals name it."""


def command_of(approval: Approval) -> Command[Any]:
    """Return the command that an approval is about."""
    command: Command[Any] = msgspec.json.decode(approval.data, type=APPROVABLE[approval.command])
    return command
