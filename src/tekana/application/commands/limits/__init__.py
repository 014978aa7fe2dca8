"""Commands on limits. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.limits.override_limits import OverrideLimits
from tekana.application.commands.limits.set_limits import SetLimits

GROUP: Final = CommandGroup("limits", "customer", (SetLimits, OverrideLimits))

__all__ = ["OverrideLimits", "SetLimits"]
