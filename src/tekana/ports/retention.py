"""Retention: dropping what was published long ago from the outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Retention(Protocol):
    """Drops old parts of the outbox. Safe to call from many processes at once."""

    async def prune(self, older_than: timedelta) -> int | None:
        """Drop one part of what every relay has published and what happened longer ago than `older_than`.

        Events that only the outbox holds, those of customers and of changes to wallets, stay for the audit. The feed
        and the relays begin after the dropped part.

        Returns:
            How many transactions the dropped part announced, or None if there is nothing to drop.

        Raises:
            Unavailable: the store cannot be reached, or is too busy.
        """
        ...
