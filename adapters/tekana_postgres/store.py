"""The store: connections to a database, and the doors to what it keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from tekana.domain.errors import Unavailable
from tekana.ports.audit import Finding
from tekana.ports.clock import Clock
from tekana_postgres.audit import audit
from tekana_postgres.connections import create_engine, raw_connection
from tekana_postgres.customers import PostgresCustomers
from tekana_postgres.events import PostgresEvents
from tekana_postgres.migrator import migrate, newest_revision
from tekana_postgres.transactions import PostgresTransactions
from tekana_postgres.unit_of_work import PostgresUnitOfWork
from tekana_postgres.wallets import PostgresWallets

_WRITERS = 4  # one for the posting engine, the others for previews
_READERS = 8


class PostgresStore:
    """Implements tekana.ports.store.Store on a PostgreSQL of version 15 or newer.

    `url` is SQLAlchemy's, `postgresql+asyncpg://user:password@host:port/database`. Moments come from the database's
    clock, unless a `clock` is given.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self._url = url
        self._clock = clock
        self._connect()

    @property
    def location(self) -> str:
        """The database's URL, without the password."""
        return make_url(self._url).render_as_string(hide_password=True)

    def _connect(self) -> None:
        self._writers: AsyncEngine = create_engine(self._url, connections=_WRITERS)
        self._readers: AsyncEngine = create_engine(self._url, connections=_READERS)
        self.customers = PostgresCustomers(self._readers)
        self.wallets = PostgresWallets(self._readers, self._clock)
        self.transactions = PostgresTransactions(self._readers)
        self.events = PostgresEvents(self._readers)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresUnitOfWork]:
        """Begin a unit of work. It ends with the context; without `save`, it is rolled back."""
        async with raw_connection(self._writers) as connection:
            transaction = connection.transaction()
            await transaction.start()
            unit = PostgresUnitOfWork(connection, transaction, self._clock)
            try:
                yield unit
            finally:
                if not unit.saved and not connection.is_closed():
                    await transaction.rollback()

    def audit(self) -> AsyncIterator[Finding]:
        """Check every invariant, on one snapshot of the database."""
        return audit(self._url)

    async def start(self) -> None:
        """Nothing to do: connections are made when they are first needed."""

    async def stop(self) -> None:
        """Close all connections."""
        await self._writers.dispose()
        await self._readers.dispose()

    async def migrate(self) -> list[str]:
        """Bring the schema to the newest version."""
        return await migrate(self._url)

    async def check_ready(self) -> None:
        """Raises Unavailable unless the database answers and has the newest schema."""
        async with raw_connection(self._readers) as connection:
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        if revision != newest_revision():
            raise Unavailable(f"the database is at schema {revision}, not {newest_revision()}: run tekana migrate")
