"""A statement as comma-separated values: a line for each entry, between the opening and the closing balance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from tekana.application.text_files import CSV, csv_lines, plain_text, time_text
from tekana.domain.money import format_minor
from tekana.domain.transaction import PostedEntry
from tekana.ports.statement_form import StatementHeading

_COLUMNS: Final = (
    *("version", "posted_at", "type", "transaction_id", "description", "reference"),
    *("credit", "debit", "ledger_balance_after", "currency"),
)


class CsvStatement:
    """Implements tekana.ports.statement_form.StatementForm.

    The first line has the names of the columns, the second the opening balance, and the last the closing balance
    with the totals. Their types are `opening_balance` and `closing_balance`.
    """

    MEDIA_TYPE: ClassVar[str] = CSV
    FILE_TYPE: ClassVar[str] = "csv"
    NAMES_CUSTOMER: ClassVar[bool] = False

    def __init__(self, heading: StatementHeading) -> None:
        self._summary = heading.summary

    def begin(self) -> bytes:
        one = self._summary
        opening = (None, time_text(one.start), "opening_balance", None, None, None, None, None)
        return csv_lines((_COLUMNS, (*opening, self._major(one.opening_balance), one.currency)))

    def write(self, entries: Sequence[PostedEntry]) -> bytes:
        return csv_lines(map(self._row, entries))

    def end(self) -> bytes:
        one = self._summary
        totals = self._major(one.total_credits), self._major(one.total_debits)
        closing = (None, time_text(one.end), "closing_balance", None, None, None, *totals)
        return csv_lines([(*closing, self._major(one.closing_balance), one.currency)])

    def _row(self, line: PostedEntry) -> tuple[object, ...]:
        entry = line.entry
        amount = self._major(abs(entry.amount_minor))
        return (
            entry.version,
            time_text(line.posted_at),
            line.type,
            line.transaction_id,
            plain_text(line.description),
            plain_text(line.reference),
            amount if entry.amount_minor > 0 else None,
            amount if entry.amount_minor < 0 else None,
            self._major(entry.ledger_balance_after),
            entry.currency,
        )

    def _major(self, minor: int) -> str:
        return format_minor(minor, self._summary.currency)
