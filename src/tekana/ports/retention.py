"""Retention: dropping old published events from the outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Retention(Protocol):
    """Drops old parts of the outbox. Safe to call from many processes at once."""

    async def prune(self, older_than: timedelta) -> int | None:
        """Drop one part of the outbox that every relay has published and that is older than `older_than`.

        Events that are stored in the outbox only (those of customers and of changes to wallets) stay for the audit. The
        feed and the relays begin after the dropped part.

        Returns:
            The number of transactions in the dropped part, or None if there is nothing to drop.

        Raises:
            Unavailable: the store cannot be reached, or a lock was not granted in time.
        """
        ...
