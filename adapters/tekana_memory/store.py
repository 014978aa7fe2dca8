"""The store: the state, and the adapters that read and change it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from tekana.application.audit.checks import check
from tekana.application.audit.snapshot import Snapshot
from tekana.application.journal.from_snapshot import SnapshotJournal
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import FieldError
from tekana.domain.reversals import ORIGINALS
from tekana.domain.terms import DEFAULT_TIME_ZONE
from tekana.ports.audit import Finding
from tekana.ports.clock import Clock
from tekana_memory.api_keys import MemoryApiKeys, MemoryCredentials
from tekana_memory.approvals import MemoryApprovals
from tekana_memory.audit_log import MemoryAuditLog, MemoryAuditRecords
from tekana_memory.data_keys import MemoryDataKeys
from tekana_memory.due_holds import MemoryDueHolds
from tekana_memory.fee_schedules import MemoryFeeSchedules
from tekana_memory.lease import MemoryLease
from tekana_memory.limits import MemoryLimits
from tekana_memory.outbox import MemoryOutbox
from tekana_memory.personal_data import MemoryPersonalData
from tekana_memory.rates import MemoryRates
from tekana_memory.readers import MemoryCustomers, MemoryEvents, MemoryOutcomes, MemoryTransactions, MemoryWallets
from tekana_memory.reports import MemoryReports
from tekana_memory.retention import MemoryRetention
from tekana_memory.sign_in import (
    MemoryCustomerCredentials,
    MemoryIdentities,
    MemoryOneTimeCodes,
    MemoryRefreshFamilies,
    MemorySigningKeys,
)
from tekana_memory.state import LeaseRow, MemoryState, RelayRow
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tekana_memory.webhook_deliveries import MemoryWebhookDeliveries
from tekana_memory.webhook_endpoints import MemoryWebhookEndpoints


class MemoryStore:
    """Implements tekana.ports.store.Store. One unit of work at a time; a unit that is not saved changes nothing."""

    def __init__(
        self, url: str = "memory://", *, clock: Clock | None = None, time_zone: str = DEFAULT_TIME_ZONE
    ) -> None:
        self.url = url
        self.location = "this process's memory"
        self._clock = clock or (lambda: datetime.now(UTC))
        self._state = MemoryState(time_zone=time_zone)
        self._lock = asyncio.Lock()
        self.customers = partial(MemoryCustomers, self._state)
        self.wallets = partial(MemoryWallets, self._state, self._clock)
        self.transactions = partial(MemoryTransactions, self._state)
        self.outcomes = partial(MemoryOutcomes, self._state)
        self.api_keys = partial(MemoryApiKeys, self._state)
        self.credentials = MemoryCredentials(self._state, self._clock)
        self.audit_log = partial(MemoryAuditLog, self._state)
        self.audit_records = MemoryAuditRecords(self._state, self._clock)
        self.rates = partial(MemoryRates, self._state)
        self.fee_schedules = partial(MemoryFeeSchedules, self._state)
        self.limits = partial(MemoryLimits, self._state, self._clock)
        self.personal_data = partial(MemoryPersonalData, self._state, self._clock)
        self.reports = partial(MemoryReports, self._state, self._clock)
        self.events = partial(MemoryEvents, self._state)
        self.approvals = partial(MemoryApprovals, self._state, self._clock)
        self.due_holds = MemoryDueHolds(self._state, self._clock)
        self.data_keys = MemoryDataKeys(self._state, self._clock)
        self.retention = MemoryRetention(self._state, self._clock)
        self.customer_credentials = MemoryCustomerCredentials(self._state)
        self.refresh_families = MemoryRefreshFamilies(self._state)
        self.one_time_codes = MemoryOneTimeCodes(self._state)
        self.signing_keys = MemorySigningKeys(self._state)
        self.identities = MemoryIdentities(self._state)
        self.webhook_endpoints = MemoryWebhookEndpoints(self._state, self._clock)
        self.webhook_deliveries = MemoryWebhookDeliveries(self._state, self._clock)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Begin a unit of work. It ends with the context; without `save`, nothing has changed."""
        async with self._lock:
            yield MemoryUnitOfWork(self._state, self._clock())

    def lease(self, name: str) -> MemoryLease:
        """Return the lease of this name."""
        return MemoryLease(self._state.leases.setdefault(name, LeaseRow()), self._clock)

    def outbox(self, relay: str) -> MemoryOutbox:
        """Return the outbox for the relay of this name."""
        return MemoryOutbox(self._state.relays.setdefault(relay, RelayRow()), self.events(LOCAL_OPERATOR), self._clock)

    async def audit(self) -> AsyncIterator[Finding]:
        """Check every invariant."""
        state = self._state
        snapshot = Snapshot(
            customers=tuple(state.customers.values()),
            wallets=tuple(state.wallets.values()),
            transactions=tuple(state.transactions.values()),
            keys=dict(state.keys),
            outbox=tuple(state.outbox),
            others=tuple(state.others_with_events()),
            originals=tuple(state.items[ORIGINALS.name].values()),
            limits=tuple(state.limit_history),
            time_zones=state.terms.time_zones,
        )
        for finding in check(snapshot):
            yield finding

    @asynccontextmanager
    async def journal(self, start: datetime | None, end: datetime | None) -> AsyncIterator[SnapshotJournal]:
        """Yield the journal of a period."""
        state = self._state
        yield SnapshotJournal([*state.wallets.values()], [*state.transactions.values()], start, end, self._clock())

    async def check_production(self) -> Sequence[FieldError]:
        """Refuse production: memory keeps nothing."""
        return [FieldError("database_url", "must be that of a database: memory:// loses everything when it stops")]

    async def start(self) -> None:
        """Do nothing: there are no resources."""

    async def stop(self) -> None:
        """Do nothing: there are no resources."""

    async def migrate(self) -> list[str]:
        """Do nothing: there is no schema."""
        return []

    async def check_ready(self) -> None:
        """Always ready."""
