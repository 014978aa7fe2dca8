"""The store: what is kept, and the doors to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from tekana.application.audit import Snapshot, check
from tekana.ports.audit import Finding
from tekana.ports.clock import Clock
from tekana_memory.kept import Kept, KeptRelay
from tekana_memory.outbox import MemoryOutbox
from tekana_memory.readers import MemoryCustomers, MemoryEvents, MemoryTransactions, MemoryWallets
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tekana_memory.webhooks import MemoryWebhookDeliveries, MemoryWebhookEndpoints


class MemoryStore:
    """Implements tekana.ports.store.Store. One unit of work at a time; a unit that is not saved changes nothing."""

    def __init__(self, url: str = "memory://", *, clock: Clock | None = None) -> None:
        self.url = url
        self.location = "this process's memory"
        self._clock = clock or (lambda: datetime.now(UTC))
        self._kept = Kept()
        self._lock = asyncio.Lock()
        self.customers = MemoryCustomers(self._kept)
        self.wallets = MemoryWallets(self._kept, self._clock)
        self.transactions = MemoryTransactions(self._kept)
        self.events = MemoryEvents(self._kept)
        self.webhook_endpoints = MemoryWebhookEndpoints(self._kept, self._clock)
        self.webhook_deliveries = MemoryWebhookDeliveries(self._kept, self._clock)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Begin a unit of work. It ends with the context; without `save`, as if it had never begun."""
        async with self._lock:
            yield MemoryUnitOfWork(self._kept, self._clock())

    def outbox(self, relay: str) -> MemoryOutbox:
        """The outbox, for the relay of this name."""
        self._kept.relays.setdefault(relay, KeptRelay())
        return MemoryOutbox(self._kept, relay, self.events, self._clock)

    async def audit(self) -> AsyncIterator[Finding]:
        """Check every invariant."""
        kept = self._kept
        snapshot = Snapshot(
            customers=tuple(kept.customers.values()),
            wallets=tuple(kept.wallets.values()),
            transactions=tuple(kept.transactions.values()),
            keys=dict(kept.keys),
            outbox=tuple(kept.outbox),
        )
        for finding in check(snapshot):
            yield finding

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def migrate(self) -> list[str]:
        """Nothing to migrate."""
        return []

    async def check_ready(self) -> None:
        """Always ready."""
