"""The holds whose time is over: what the background work that expires them reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.identifiers import TransactionId


class DueHold(NamedTuple):
    """An open hold whose time is over: when it expired, and its id."""

    expires_at: datetime
    id: TransactionId


class DueHolds(Protocol):
    """The open holds whose time is over, by the store's clock. Every method may raise Unavailable."""

    async def count(self) -> int:
        """Return how many there are now."""
        ...

    async def list(self, limit: int, after: DueHold | None = None) -> Sequence[DueHold]:
        """Return the first ones, those that expired first.

        Args:
            limit: how many at most.
            after: return those that come after this one.
        """
        ...
