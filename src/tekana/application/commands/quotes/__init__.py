"""Commands on quotes. A new one needs a file, and its name here."""

from typing import Final

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.quotes.create_quote import CreateQuote

GROUP: Final = CommandGroup("quotes", "transaction", (CreateQuote,))

__all__ = ["CreateQuote"]
