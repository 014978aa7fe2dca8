"""Retention: drops old published events from the outbox."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tekana.application.workers.backoff import Backoff
from tekana.application.workers.leased_worker import LeasedWorker
from tekana.ports.outbox import RelayedStore
from tekana.ports.retention import Retention

_log = logging.getLogger("tekana.retention")

_PERIOD_SECONDS: Final = 3600.0
_FIRST_RETRY_SECONDS: Final = 60.0


def retention_worker(store: RelayedStore, keep_days: int, *, holder: str) -> LeasedWorker:
    """Create the worker that drops events older than `keep_days` that every relay has published, once an hour."""
    older_than = timedelta(days=keep_days)

    async def run_once(_: int) -> float:
        await prune(store.retention, older_than)
        return _PERIOD_SECONDS

    backoff = Backoff(_FIRST_RETRY_SECONDS, _PERIOD_SECONDS)
    return LeasedWorker("retention", store.lease("retention"), run_once, holder=holder, backoff=backoff)


async def prune(retention: Retention, older_than: timedelta, report: Callable[[int], object] = lambda _: None) -> int:
    """Drop events that are older and that every relay has published, part by part, each in a transaction of its own.

    Args:
        retention: the retention of a store.
        older_than: the age of the events to drop.
        report: called after each part with the number of transactions dropped so far.

    Returns:
        The number of transactions in the dropped parts.

    Raises:
        Unavailable: the store cannot be reached, or a lock was not granted in time.
    """
    dropped = 0
    while (transactions := await retention.prune(older_than)) is not None:
        dropped += transactions
        _log.info("the places of %d transactions were dropped from the outbox", transactions)
        report(dropped)
    return dropped
