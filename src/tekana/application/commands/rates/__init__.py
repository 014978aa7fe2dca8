"""Commands on exchange rates. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.rates.set_rate import SetRate

GROUP: Final = CommandGroup("rates", "transaction", (SetRate,))

__all__ = ["SetRate"]
