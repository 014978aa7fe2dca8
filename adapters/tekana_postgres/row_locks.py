"""How a statement locks the rows that it reads: what stands at the end of a SELECT."""

from __future__ import annotations

from typing import Final, NewType

RowLock = NewType("RowLock", str)

WAIT: Final = RowLock("FOR NO KEY UPDATE")
"""Wait for rows that another transaction has locked."""

SKIP_LOCKED: Final = RowLock("FOR NO KEY UPDATE SKIP LOCKED")
"""Leave such rows out."""

NO_LOCK: Final = RowLock("")
"""Only read."""
