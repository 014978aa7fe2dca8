"""The store: it opens the file, and begins units of work and readers on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from msgspec import json

from tekana.application.audit.checks import check
from tekana.application.audit.snapshot import Snapshot
from tekana.application.journal.from_snapshot import SnapshotJournal
from tekana.domain.customer import Customer
from tekana.domain.errors import Unavailable
from tekana.domain.wallet import Wallet
from tekana.ports.audit import Finding
from tekana.ports.clock import Clock
from tekana.ports.unit_of_work import IdempotencyKey

from .api_keys import SqliteApiKeys, SqliteCredentials
from .approvals import SqliteApprovals, approval_of
from .audit_log import SqliteAuditLog, SqliteAuditRecords
from .database import Database
from .fee_schedules import SqliteFeeSchedules
from .holds import SqliteDueHolds, all_holds
from .limits import SqliteLimits, limit_history
from .personal_data import SqlitePersonalData
from .rates import SqliteRates
from .readers import (
    SqliteCustomers,
    SqliteEvents,
    SqliteOutcomes,
    SqliteReports,
    SqliteTransactions,
    SqliteWallets,
    read_ledger,
    read_outbox,
)
from .reversals import all_originals
from .schema import SCHEMAS, VERSION
from .transactions import transaction_of
from .unit_of_work import SqliteUnitOfWork, record_of


class SqliteStore:
    """Implements tekana.ports.store.Store in the file that the URL names: `sqlite:///folder/wallets.db`.

    One connection writes, another reads committed data. Any number of processes may use the file at once.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock or (lambda: datetime.now(UTC))
        self._turn = asyncio.Lock()
        self.location = path = url.removeprefix("sqlite://")
        self._writer, self._reader = Database(path, timeout=0), Database(path, timeout=5)
        self.customers = partial(SqliteCustomers, self._reader)
        self.wallets = partial(SqliteWallets, self._reader, self.clock)
        self.transactions = partial(SqliteTransactions, self._reader)
        self.events = partial(SqliteEvents, self._reader)
        self.outcomes = partial(SqliteOutcomes, self._reader)
        self.reports = partial(SqliteReports, self._reader, self.clock)
        self.api_keys = partial(SqliteApiKeys, self._reader)
        self.audit_log = partial(SqliteAuditLog, self._reader)
        self.personal_data = partial(SqlitePersonalData, self._reader, self.clock)
        self.audit_records = SqliteAuditRecords(self._writer, self._turn, self.clock)
        self.credentials = SqliteCredentials(self._reader, self._writer, self._turn, self.clock)
        self.due_holds = SqliteDueHolds(self._reader, self.clock)
        self.approvals = partial(SqliteApprovals, self._reader, self.clock)
        self.rates = partial(SqliteRates, self._reader)
        self.fee_schedules = partial(SqliteFeeSchedules, self._reader)
        self.limits = partial(SqliteLimits, self._reader, self.clock)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqliteUnitOfWork]:
        """Begin a unit of work. It ends with the context, and is rolled back unless it was saved."""
        async with self._turn:
            await self._writer.execute_with_retries("BEGIN IMMEDIATE")
            try:
                yield SqliteUnitOfWork(self._writer, self.clock)
            finally:
                self._writer.roll_back()

    async def audit(self) -> AsyncIterator[Finding]:
        """Check every invariant, in plain Python, on a snapshot of the file."""
        for finding in check(self._snapshot()):
            yield finding

    def _snapshot(self) -> Snapshot:
        rows = self._reader.rows
        with self._reader.snapshot():
            return Snapshot(
                customers=[json.decode(body, type=Customer) for [body] in rows("SELECT body FROM customers")],
                wallets=[json.decode(body, type=Wallet) for [body] in rows("SELECT body FROM wallets")],
                transactions=[transaction_of(body) for [body] in rows("SELECT body FROM transactions")],
                keys={IdempotencyKey(*row[:3]): record_of(*row[3:]) for row in rows("SELECT * FROM keys")},
                outbox=[one for _, one in read_outbox(self._reader, start=1, limit=-1)],
                others=[
                    *(approval_of(body) for [body] in rows("SELECT body FROM approvals")),
                    *all_holds(self._reader),
                ],
                originals=all_originals(self._reader),
                limits=limit_history(self._reader),
            )

    @asynccontextmanager
    async def journal(self, start: datetime | None, end: datetime | None) -> AsyncIterator[SnapshotJournal]:
        """Yield the journal of a period, of a snapshot of the file."""
        yield SnapshotJournal(*read_ledger(self._reader), start, end, self.clock())

    async def start(self) -> None:
        """Open the file. Raises Unavailable if that fails."""
        await self._writer.open()
        await self._reader.open()

    async def stop(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    async def migrate(self) -> list[str]:
        """Create the tables, unless they exist."""
        await self._writer.execute_with_retries(
            "PRAGMA journal_mode = WAL"
        )  # readers and the writer do not wait for each other
        async with self.begin():
            version = self._schema_version()
            if version == VERSION:
                return []
            for statements in SCHEMAS[version:]:
                for statement in statements:
                    self._writer.rows(statement)
            self._writer.rows(f"PRAGMA user_version = {VERSION}")
            self._writer.rows("COMMIT")
        return [f"SQLite schema {VERSION}"]

    async def check_ready(self) -> None:
        """Raise Unavailable unless the tables exist."""
        if self._schema_version() != VERSION:
            raise Unavailable("the file does not have the tables yet: run `tekana migrate`")

    def _schema_version(self) -> int:
        [[version]] = self._writer.rows("PRAGMA user_version")
        return int(version)
