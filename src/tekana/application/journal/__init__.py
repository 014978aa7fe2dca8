"""The journal and the trial balance, for accountants.

from_snapshot  both, for a store without a query language
accounts       names of accounts
csv_form       the journal as comma-separated values
beancount_form the journal as a file for Beancount
"""

from collections.abc import Awaitable, Callable
from typing import BinaryIO, Final

from tekana.application.journal.beancount_form import write_beancount
from tekana.application.journal.csv_form import write_csv
from tekana.ports.journal import JournalSnapshot

WriteJournal = Callable[[JournalSnapshot, BinaryIO], Awaitable[None]]
"""Writes a journal to a binary file, in constant memory."""

FORMS: Final[dict[str, WriteJournal]] = {"beancount": write_beancount, "csv": write_csv}
"""The forms that need no adapter, by name."""

__all__ = ["FORMS", "WriteJournal"]
