"""The row locks of a statement: the end of a SELECT."""

from __future__ import annotations

from typing import Final, NewType

RowLock = NewType("RowLock", str)

WAIT: Final = RowLock("FOR NO KEY UPDATE")
"""Wait for rows that another transaction has locked."""

SKIP_LOCKED: Final = RowLock("FOR NO KEY UPDATE SKIP LOCKED")
"""Omit rows that another transaction has locked."""

NO_LOCK: Final = RowLock("")
"""Only read."""
