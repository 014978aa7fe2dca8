"""Values in text files: lines of CSV, which spreadsheets open, and times."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Final

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")

CSV: Final = "text/csv; charset=utf-8"


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV (RFC 4180) in UTF-8. None is empty."""
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def plain_text(text: str | None) -> str | None:
    """Return free text for a cell, behind an apostrophe if a spreadsheet would calculate it as a formula.

    Any payer can write the description of a payment, so that it could otherwise run in the payee's spreadsheet.
    """
    return f"'{text}" if text is not None and text.startswith(_FORMULA_STARTS) else text


def time_text(moment: datetime) -> str:
    """Return a time as RFC 3339 text in UTC."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
