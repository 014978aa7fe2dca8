"""Connections: how tekana talks to PostgreSQL, and what its failures mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tekana.domain.errors import Busy, Conflict, Unavailable

# Each gives up before the one above it does: waiting for a lock, a statement, an answer from the server (seconds).
# A lock is waited for in a group, which holds up its neighbours: not for long, and then by itself.
LOCK_TIMEOUT = 0.5
STATEMENT_TIMEOUT = 10
ANSWER_TIMEOUT = 15
CONNECT_TIMEOUT = 5

_SERVER_SETTINGS = {
    "application_name": "tekana",
    "lock_timeout": f"{LOCK_TIMEOUT * 1000:.0f}ms",
    "statement_timeout": f"{STATEMENT_TIMEOUT}s",
    "idle_in_transaction_session_timeout": f"{ANSWER_TIMEOUT}s",
    "timezone": "UTC",
    "jit": "off",
}

# History is append-only by grants too: work as the role that may not change it, where the migration could create it.
# The schema is found first: afterwards, "$user" in a search path would mean the role.
_TAKE_ROLE = """
SELECT set_config('search_path', quote_ident(current_schema()), false), set_config('role', rolname, false) FROM pg_roles
WHERE rolname = 'tekana_app' AND pg_has_role(current_user, oid, 'MEMBER')
  AND has_table_privilege(oid, to_regclass('outbox'), 'INSERT')
"""

# What is confirmed has to be on disk, so a commit waits for that, whatever the role or the database was set to. Levels
# above `on`, which wait for replicas too, stay. A server that runs without fsync is not meant to be durable.
_COMMIT_DURABLY = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local') AND current_setting('fsync') = 'on'
"""

_LOST_RACE = (
    asyncpg.UniqueViolationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
# What was asked for is given up; a connection is as good as before.
_TIMEOUTS = (
    asyncpg.QueryCanceledError,  # a statement over its time
    asyncpg.InsufficientResourcesError,  # too many connections, a full disk
)
_LOST_CONNECTION = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up
    asyncpg.PostgresSystemError,  # an I/O error
    asyncpg.UndefinedTableError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    PoolTimeout,
    OSError,
    TimeoutError,
)


def create_engine(url: str, *, connections: int, migrates: bool = False) -> AsyncEngine:
    """A pool of at most so many connections. Connects when first used.

    One that migrates works as the user that connects, for as long as it takes.
    """
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT,
        json_deserializer=str,  # JSON stays text: rows.py reads it
        connect_args={
            "timeout": CONNECT_TIMEOUT,
            "server_settings": _SERVER_SETTINGS,
            **({} if migrates else {"command_timeout": ANSWER_TIMEOUT, "async_creator_fn": _connect_as_app}),
        },
    )


async def _connect_as_app(*args: Any, **options: Any) -> asyncpg.Connection:
    connection = await asyncpg.connect(*args, **options)
    try:
        with suppress(asyncpg.InsufficientPrivilegeError):  # a member that may not take the role goes on as itself
            await connection.execute(_TAKE_ROLE)
        await connection.execute(_COMMIT_DURABLY)
    except BaseException:
        connection.terminate()
        raise
    return connection


@asynccontextmanager
async def raw_connection(engine: AsyncEngine) -> AsyncIterator[asyncpg.Connection]:
    """An asyncpg connection from the pool. One that is lost is thrown away, with those that idle beside it.

    Raises Conflict or Unavailable for what PostgreSQL says.
    """
    with translate_errors():
        async with engine.connect() as connection:
            try:
                yield (await connection.get_raw_connection()).driver_connection
            except _TIMEOUTS:
                raise
            except _LOST_CONNECTION:
                await connection.invalidate()
                await engine.dispose()
                raise


class PinnedConnections:
    """At most so many connections, checked out between uses: checking one out costs more than a small statement."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(most)
        self._idle: list[tuple[AsyncConnection, asyncpg.Connection]] = []

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        """One of them, or a new one. One that is lost is thrown away, with all others of its engine.

        Raises Conflict or Unavailable for what PostgreSQL says.
        """
        with translate_errors():
            await asyncio.wait_for(self._free.acquire(), CONNECT_TIMEOUT)
            try:
                kept, connection = await self._take()
                try:
                    yield connection
                except _TIMEOUTS:
                    self._idle.append((kept, connection))
                    raise
                except _LOST_CONNECTION:
                    await kept.invalidate()
                    await self.dispose()
                    raise
                except Exception:
                    self._idle.append((kept, connection))
                    raise
                except BaseException:  # cut off, perhaps in the middle of a statement
                    await kept.invalidate()
                    raise
                self._idle.append((kept, connection))
            finally:
                self._free.release()

    async def dispose(self) -> None:
        """Let go of all that idle."""
        idle, self._idle = self._idle, []
        for kept, _ in idle:
            await kept.close()
        await self._engine.dispose()

    async def _take(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        while self._idle:
            kept, connection = self._idle.pop()
            if not connection.is_closed():
                return kept, connection
            await kept.invalidate()
        kept = await self._engine.connect()
        return kept, (await kept.get_raw_connection()).driver_connection


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what the driver raises into what the ports promise. No message of the database's gets out."""
    try:
        yield
    except DBAPIError as error:
        raise _port_error(error.orig.__cause__ if error.orig else error) from error
    except (asyncpg.PostgresError, SQLAlchemyError, *_LOST_CONNECTION) as error:
        raise _port_error(error) from error


def _port_error(error: BaseException | None) -> BaseException:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Busy("another unit of work is at it")
    if isinstance(error, _LOST_RACE):
        return Conflict("another request got there first")
    if isinstance(error, asyncpg.UndefinedTableError):
        return Unavailable("the database is not set up for this version: run tekana migrate")
    if isinstance(error, _TIMEOUTS):
        return Unavailable("the database has no time or no room for this now")
    if isinstance(error, _LOST_CONNECTION):
        return Unavailable("the database cannot be reached now")
    return StoreError("the database refused a statement")


class StoreError(Exception):
    """The database refused what it should accept: a constraint that the core's rules should have kept. A bug."""
