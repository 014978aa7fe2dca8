"""The store: the connection pools of a database, and the adapters that use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import cache, partial

from uuid_utils.compat import uuid7

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.application.secrets.data_keys import DataKeys
from tekana.domain.errors import FieldError, KeyUnavailable, Unavailable
from tekana.ports.audit import Finding
from tekana.ports.clock import Clock
from tekana.ports.history import HistoryKeys, NoHistoryKeys
from tekana.ports.key_provider import KeyProvider
from tekana.ports.pools import PoolStatistics
from tekana_postgres.aggregates import kinds_with
from tekana_postgres.api_keys import PostgresApiKeys, PostgresCredentials
from tekana_postgres.approvals import PostgresApprovals
from tekana_postgres.audit import audit
from tekana_postgres.audit_log import PostgresAuditLog, PostgresAuditRecords
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.customer_key_rotation import rotate_customer_keys
from tekana_postgres.customers import PostgresCustomers
from tekana_postgres.data_keys import PostgresDataKeys
from tekana_postgres.database_url import parse_database_url
from tekana_postgres.events import PostgresEvents
from tekana_postgres.fees import PostgresFeeSchedules
from tekana_postgres.history_links import Chains
from tekana_postgres.history_reader import PostgresHistory
from tekana_postgres.holds import PostgresDueHolds
from tekana_postgres.journal import PostgresJournal, read_journal
from tekana_postgres.key_records import PostgresOutcomes
from tekana_postgres.lease import PostgresLease
from tekana_postgres.limits import CurrentTerms, PostgresLimits
from tekana_postgres.outbox import PostgresOutbox
from tekana_postgres.personal_data import PostgresPersonalData
from tekana_postgres.production import production_faults
from tekana_postgres.rates import PostgresRates
from tekana_postgres.readiness import WriteProbe
from tekana_postgres.reports import PostgresReports
from tekana_postgres.retention import PostgresRetention
from tekana_postgres.revisions import check_revisions
from tekana_postgres.sign_in import PostgresCustomerCredentials, PostgresOneTimeCodes, PostgresRefreshFamilies
from tekana_postgres.sign_in_keys import PostgresIdentities, PostgresSigningKeys
from tekana_postgres.transactions import PostgresTransactions
from tekana_postgres.unit_of_work import PostgresUnitOfWork
from tekana_postgres.wallet_loader import WalletLoader
from tekana_postgres.wallets import PostgresWallets
from tekana_postgres.webhook_deliveries import PostgresWebhookDeliveries
from tekana_postgres.webhook_endpoints import PostgresWebhookEndpoints

# The sizes of pools. Commands, reads and background work have separate pools, so that none waits for another.
_WRITERS = 6  # of the posting engine: three groups, and three waits for a lock
# Units of work find rows by their address or key, thousands at most. Without this, the update of a batch's wallets is
# planned as a join that reads the whole table.
_WRITERS_SETTINGS = {"enable_hashjoin": "off", "enable_mergejoin": "off"}
_READERS = 8
_BACKGROUND = 3
_LEASES = 2  # for leases only: a late renewal loses the lease
_REPLICA_TIMEOUT_SECONDS = 2.0  # a slower replica does not delay the readiness check

_STATE = """
SELECT array(SELECT version_num FROM alembic_version) AS revisions, array(
    SELECT name || '=off' FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit']) AS name
    WHERE current_setting(name) = 'off'
) AS unsafe
"""
_TIME_ZONE = "SELECT name FROM time_zones ORDER BY valid_from DESC LIMIT 1"


class PostgresStore:
    """Implements tekana.ports.store.Store on a PostgreSQL of version 15 or newer.

    Args:
        url: the URL in SQLAlchemy's form, `postgresql+asyncpg://user:password@host:port/database`.
        clock: replaces the database's clock, for tests.
        read_url: the URL of a streaming replica for reads of customers, wallets and transactions. Commands, the event
            feed and the audit use the primary.
        key_provider: returns the provider of the master keys, with which customers' personal data are encrypted.
            Called when they are first needed; without it, what needs them raises KeyUnavailable.
        time_zone: that of the days, weeks and months of limits, which `migrate` stores; None keeps the stored one.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        read_url: str | None = None,
        key_provider: Callable[[], KeyProvider] | None = None,
        time_zone: str | None = None,
    ) -> None:
        self._url = url
        self._time_zone = time_zone
        self._read_url = read_url
        self._clock = clock
        self._key_provider = key_provider or _no_key_provider
        self._history_keys: HistoryKeys = NoHistoryKeys()
        self._chains = Chains()
        self._connect()

    @property
    def location(self) -> str:
        """Return the database's URL, without its password and options."""
        return parse_database_url(self._url).location

    def _connect(self) -> None:
        self._writers = ConnectionPool(self._url, size=_WRITERS, server_settings=_WRITERS_SETTINGS)
        self._readers = ConnectionPool(self._url, size=_READERS)
        self._background = ConnectionPool(self._url, size=_BACKGROUND)
        self._leases = ConnectionPool(self._url, size=_LEASES)
        self._write_probe = WriteProbe(self._writers)
        self._replica: ConnectionPool | None = None
        if self._read_url is not None:
            self._replica = ConnectionPool(self._read_url, size=_READERS, setting="read_database_url")
        readers = self._replica or self._readers
        self.data_keys = PostgresDataKeys(self._background, self._clock)
        # Unwrapped keys are kept for as long as the store.
        self.vault = CustomerVault(cache(lambda: DataKeys(self, self._key_provider(), uuid7)))
        self._kinds = kinds_with(self.vault)
        self._terms = CurrentTerms()
        self._wallet_readers = ConnectionPool(self._read_url or self._url, size=1)
        self.customers = partial(PostgresCustomers, readers, self.vault)
        self.wallets = partial(PostgresWallets, readers, WalletLoader(self._wallet_readers), self._clock)
        self.transactions = partial(PostgresTransactions, readers, self.vault)
        self.reports = partial(PostgresReports, readers, self._clock)
        self.outcomes = partial(PostgresOutcomes, self._readers, self.vault)
        self.api_keys = partial(PostgresApiKeys, self._readers)
        self.due_holds = PostgresDueHolds(self._background, self._clock)
        self.credentials = PostgresCredentials(self._readers, self._background, self._clock)
        self.approvals = partial(PostgresApprovals, self._readers, self._clock)
        self.rates = partial(PostgresRates, self._readers)
        self.fee_schedules = partial(PostgresFeeSchedules, self._readers)
        self.limits = partial(PostgresLimits, self._readers, self._clock, self._terms)
        self.audit_log = partial(PostgresAuditLog, self._readers)
        self.audit_records = PostgresAuditRecords(self._background, self._clock, self._chains)
        self.personal_data = partial(PostgresPersonalData, self._readers, self.vault, self._clock)
        # Not from a replica, which lacks the locks that limit reads of the feed.
        self.events = partial(PostgresEvents, self._readers)
        self.retention = PostgresRetention(self._background)
        self.customer_credentials = PostgresCustomerCredentials(self._readers, self._chains, self.vault)
        self.refresh_families = PostgresRefreshFamilies(self._readers, self._chains)
        self.one_time_codes = PostgresOneTimeCodes(self._readers, self._chains)
        self.signing_keys = PostgresSigningKeys(self._readers, self._chains)
        self.identities = PostgresIdentities(self._readers, self._chains)
        self.webhook_endpoints = PostgresWebhookEndpoints(self._readers, self._background, self._clock)
        self.webhook_deliveries = PostgresWebhookDeliveries(self._readers, self._background, self._clock)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresUnitOfWork]:
        """Begin a unit of work. It ends with the context; without `save`, it is rolled back."""
        async with raw_connection(self._writers) as connection:
            unit = PostgresUnitOfWork(connection, self._clock, self._kinds, self.vault, self._chains, self._terms)
            try:
                yield unit
            except Exception:
                await unit.roll_back()
                raise
            await unit.roll_back()

    def lease(self, name: str) -> PostgresLease:
        """Return the lease of this name."""
        return PostgresLease(self._leases, "leases", name)

    def outbox(self, relay: str) -> PostgresOutbox:
        """Return the outbox for the relay of this name. It is read from the primary, like the feed."""
        return PostgresOutbox(self._background, self._leases, relay)

    def audit(self) -> AsyncIterator[Finding]:
        """Check every invariant, on one snapshot of the database."""
        return audit(self._url)

    def journal(self, start: datetime | None, end: datetime | None) -> AbstractAsyncContextManager[PostgresJournal]:
        """Return a context with the journal of a period. It is read from the primary."""
        return read_journal(self._url, self._clock, start, end)

    def link_history(self, keys: HistoryKeys) -> None:
        """Have every unit of work, and every addition to the audit log, add a link, with these keys."""
        self._history_keys = self._chains.keys = keys

    @property
    def history(self) -> PostgresHistory:
        """The links of history."""
        return PostgresHistory(self._url, self._background, self._history_keys)

    async def start(self) -> None:
        """Do nothing: connections are opened when they are first needed."""

    async def stop(self) -> None:
        """Close all connections."""
        for pool in self._pools().values():
            await pool.close()

    def pool_statistics(self) -> Sequence[PoolStatistics]:
        """Return the state of each connection pool."""
        return [pool.statistics(name) for name, pool in self._pools().items()]

    def _pools(self) -> dict[str, ConnectionPool]:
        pools = {
            "commands": self._writers,
            "reads": self._readers,
            "wallet_reads": self._wallet_readers,
            "background": self._background,
            "leases": self._leases,
        }
        return pools if self._replica is None else {**pools, "replica": self._replica}

    async def migrate(self) -> list[str]:
        """Migrate the schema to the newest version. Personal data that an earlier version stored are encrypted."""
        from tekana_postgres.migrator import keep_time_zone, migrate  # noqa: PLC0415 - Alembic takes 0.1 s to import

        steps = await migrate(self._url, key_provider=self._key_provider)
        if self._time_zone is not None:
            await keep_time_zone(self._url, self._time_zone)
        return steps

    async def rotate_customer_keys(self, report: Callable[[str], None]) -> int:
        """Rotate the data key that encrypts customers' keys. See `tekana.ports.store.RotatesCustomerKeys`."""
        return await rotate_customer_keys(self._background, self.vault, report)

    async def decrypt_customers(self) -> None:
        """Store customers' personal data readable, as an earlier version needs them: before a downgrade.

        No process may use the store meanwhile, nor afterwards: `migrate` encrypts them again.

        Raises:
            KeyUnavailable: the key provider cannot be reached. Call it again.
        """
        from tekana_postgres.migrator import decrypt  # noqa: PLC0415 - the import of Alembic takes 0.1 s

        await decrypt(self._url, key_provider=self._key_provider)

    async def check_production(self) -> Sequence[FieldError]:
        """Check the URLs, and the database on a connection of its own. See tekana.ports.production."""
        return await production_faults(self._url, self._read_url)

    async def check_ready(self) -> Sequence[str]:
        """Check that transfers can be written.

        Returns:
            Warnings: the database is not durable, the schema is newer than this version, or the replica does not
            answer, so that reads fail while commands succeed.

        Raises:
            Unavailable: the database does not answer, its schema is too old, it refuses to write a transfer, or the key
                that links units of work cannot be reached.
        """
        async with raw_connection(self._background) as connection:
            state = await connection.fetchrow(_STATE)
            warnings = check_revisions(state["revisions"])
            time_zone = await connection.fetchval(_TIME_ZONE)
        await self._write_probe.check()
        if self._chains.keys is not None:
            await self._chains.keys.current()
        if self._replica is not None:
            warnings += await _check_replica(self._replica)
        if self._time_zone not in (None, time_zone):
            warnings.append(
                f"limits are counted in the time zone {time_zone}, as the database says, not in "
                f"{self._time_zone}: set the same everywhere, and run tekana migrate"
            )
        if state["unsafe"]:
            warnings.append(
                f"the database runs with {', '.join(state['unsafe'])}: a power failure may lose money that was "
                "confirmed, or damage the ledger"
            )
        return warnings


def _no_key_provider() -> KeyProvider:
    raise KeyUnavailable("the store was given no key provider, so it has no keys of personal data")


async def _check_replica(replica: ConnectionPool) -> list[str]:
    try:
        async with asyncio.timeout(_REPLICA_TIMEOUT_SECONDS), raw_connection(replica) as connection:
            await connection.execute("SELECT FROM alembic_version")
    except (Unavailable, TimeoutError):
        return ["the replica does not answer: reads are answered with 503 until it does, while money moves"]
    return []
