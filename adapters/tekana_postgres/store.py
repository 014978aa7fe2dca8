"""The store: connections to a database, and the doors to what it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from tekana.domain.caller import Caller
from tekana.domain.errors import Unavailable
from tekana.ports.audit import Finding
from tekana.ports.clock import Clock
from tekana_postgres.audit import audit
from tekana_postgres.connections import PinnedConnections, create_engine, raw_connection
from tekana_postgres.customers import PostgresCustomers
from tekana_postgres.events import PostgresEvents
from tekana_postgres.migrator import migrate, newest_revision
from tekana_postgres.outbox import PostgresOutbox
from tekana_postgres.transactions import PostgresTransactions
from tekana_postgres.unit_of_work import PostgresUnitOfWork
from tekana_postgres.wallets import PostgresWallets
from tekana_postgres.webhook_deliveries import PostgresWebhookDeliveries
from tekana_postgres.webhook_endpoints import PostgresWebhookEndpoints

_WRITERS = 4  # one for the posting engine, the others for previews
_READERS = 8
_DISPATCHERS = 2  # webhooks: one delivers, one queues
_REPLICA_ANSWERS = 2.0  # seconds: a replica that takes longer does not hold up the answer that money can be moved

_STATE = """
SELECT (SELECT version_num FROM alembic_version) AS revision, array(
    SELECT name || '=off' FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit']) AS name
    WHERE current_setting(name) = 'off'
) AS unsafe
"""


class PostgresStore:
    """Implements tekana.ports.store.Store on a PostgreSQL of version 15 or newer.

    `url` is SQLAlchemy's, `postgresql+asyncpg://user:password@host:port/database`. Moments come from the database's
    clock, unless a `clock` is given. `read_url` is that of a streaming replica. Customers, wallets and transactions are
    then read there; all that decides, the event feed and the audit stay with the primary.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, read_url: str | None = None) -> None:
        self._url = url
        self._read_url = read_url
        self._clock = clock
        self._connect()

    @property
    def location(self) -> str:
        """The database's URL, without the password."""
        return make_url(self._url).render_as_string(hide_password=True)

    def _connect(self) -> None:
        self._writers = PinnedConnections(create_engine(self._url, connections=_WRITERS), _WRITERS)
        self._readers: AsyncEngine = create_engine(self._url, connections=_READERS)
        self._dispatchers: AsyncEngine = create_engine(self._url, connections=_DISPATCHERS)
        self._replica: AsyncEngine | None = None
        if self._read_url is not None:
            self._replica = create_engine(self._read_url, connections=_READERS)
        readers = self._replica or self._readers
        self._customers = PostgresCustomers(readers)
        self._wallets = PostgresWallets(readers, self._clock)
        self._transactions = PostgresTransactions(readers)
        # Not from a replica, which does not show the locks that say how far the feed may be read.
        self._events = PostgresEvents(self._readers)
        self.webhook_endpoints = PostgresWebhookEndpoints(self._readers, self._dispatchers, self._clock)
        self.webhook_deliveries = PostgresWebhookDeliveries(self._readers, self._dispatchers, self._clock)

    def customers(self, caller: Caller) -> PostgresCustomers:  # noqa: ARG002 - one tenant, for which every caller reads
        """Return the reader of customers."""
        return self._customers

    def wallets(self, caller: Caller) -> PostgresWallets:  # noqa: ARG002 - one tenant, for which every caller reads
        """Return the reader of wallets."""
        return self._wallets

    def transactions(self, caller: Caller) -> PostgresTransactions:  # noqa: ARG002 - one tenant, for which every caller reads
        """Return the reader of transactions."""
        return self._transactions

    def events(self, caller: Caller) -> PostgresEvents:  # noqa: ARG002 - one tenant, for which every caller reads
        """Return the reader of events."""
        return self._events

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresUnitOfWork]:
        """Begin a unit of work. It ends with the context; without `save`, it is rolled back."""
        async with self._writers.use() as connection:
            transaction = connection.transaction()
            await transaction.start()
            unit = PostgresUnitOfWork(connection, transaction, self._clock)
            try:
                yield unit
            finally:
                if not unit.saved and not connection.is_closed():
                    await transaction.rollback()

    def outbox(self, relay: str) -> PostgresOutbox:
        """The outbox, for the relay of this name. It is read from the primary, as the feed is."""
        return PostgresOutbox(self._readers, relay)

    def audit(self) -> AsyncIterator[Finding]:
        """Check every invariant, on one snapshot of the database."""
        return audit(self._url)

    async def start(self) -> None:
        """Nothing to do: connections are made when they are first needed."""

    async def stop(self) -> None:
        """Close all connections."""
        await self._writers.dispose()
        await self._wallets.stop()
        await self._readers.dispose()
        await self._dispatchers.dispose()
        if self._replica is not None:
            await self._replica.dispose()

    async def migrate(self) -> list[str]:
        """Bring the schema to the newest version."""
        return await migrate(self._url)

    async def check_ready(self) -> Sequence[str]:
        """Raises Unavailable unless the database answers and has the newest schema.

        Gives a warning if it is not durable, and if the replica does not answer: reads fail then, but money moves.
        """
        async with raw_connection(self._readers) as connection:
            state = await connection.fetchrow(_STATE)
        if state["revision"] != newest_revision():
            raise Unavailable(
                f"the database is at schema {state['revision']}, not {newest_revision()}: run tekana migrate"
            )
        warnings = [] if self._replica is None else await _check_replica(self._replica)
        if state["unsafe"]:
            warnings.append(
                f"the database runs with {', '.join(state['unsafe'])}: a power failure may lose money that was "
                "confirmed, or damage the ledger"
            )
        return warnings


async def _check_replica(replica: AsyncEngine) -> list[str]:
    try:
        async with asyncio.timeout(_REPLICA_ANSWERS), raw_connection(replica) as connection:
            await connection.execute("SELECT FROM alembic_version")
    except (Unavailable, TimeoutError):
        return ["the replica does not answer: reads are answered with 503 until it does, while money moves"]
    return []
