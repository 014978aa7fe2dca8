"""Connections to PostgreSQL: the pool, and the conversion of its failures to the errors of the ports."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, cast

import asyncpg
from sqlalchemy import ClauseElement, NullPool
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler

from tekana.domain.errors import Busy, Conflict, Unavailable
from tekana.ports.pools import PoolStatistics
from tekana_postgres.database_url import CONNECT_TIMEOUT_SECONDS, DatabaseUrl, parse_database_url
from tekana_postgres.rights import take_role

_log = logging.getLogger("tekana.postgres")

# Each timeout is shorter than the next: of a lock, of a statement, of the server's response.
LOCK_TIMEOUT_SECONDS = 0.5
STATEMENT_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 15
_CLOSE_TIMEOUT_SECONDS = 5

_CAUSE_LOG_INTERVAL_SECONDS = 10.0

_SERVER_SETTINGS = {
    "lock_timeout": f"{LOCK_TIMEOUT_SECONDS * 1000:.0f}ms",
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{ANSWER_TIMEOUT_SECONDS}s",
    "timezone": "UTC",
    "jit": "off",
}

_NO_MORE_SETTINGS: Mapping[str, str] = {}

# A commit waits for the disk, whatever the settings of the role or database. Levels above `on`, which also wait for
# replicas, are not changed. A server without fsync is not meant to be durable.
_COMMIT_DURABLY = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local') AND current_setting('fsync') = 'on'
"""

_LOST_RACE = (
    asyncpg.UniqueViolationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
# The statement failed; its connection can still be used.
_STATEMENT_FAILURES = (
    asyncpg.QueryCanceledError,  # it ran for longer than the statement timeout
    asyncpg.InsufficientResourcesError,  # too many connections, a full disk
)
# A new connection is necessary.
_LOST_CONNECTION = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # an error in the protocol, as when a connection ends during a commit
    asyncpg.OperatorInterventionError,  # shutting down, starting up, terminated by an operator
    asyncpg.PostgresSystemError,  # an I/O error
    asyncpg.UndefinedTableError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,  # includes the failures of TLS and of name resolution
    TimeoutError,
)


def is_lost(error: BaseException | None) -> bool:
    """Return whether the connection was lost, or cannot be used any more."""
    wrong_value = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)  # a statement's argument
    return isinstance(error, _LOST_CONNECTION) and not isinstance(error, _STATEMENT_FAILURES) and not wrong_value


class StoreError(Exception):
    """The database refused a valid statement: a constraint that the rules of the core should keep. A defect."""


class ConnectionPool:
    """A pool of at most `size` connections, each opened when it is first needed. See `raw_connection`."""

    def __init__(
        self,
        url: str,
        *,
        size: int,
        setting: str = "database_url",
        server_settings: Mapping[str, str] = _NO_MORE_SETTINGS,
        take_role: Callable[[asyncpg.Connection], Awaitable[None]] = take_role,
    ) -> None:
        """Create the pool, without a connection.

        Args:
            url: the URL of the database.
            size: the maximum number of connections.
            setting: the name of the setting with the URL, for messages.
            server_settings: settings of PostgreSQL for these connections.
            take_role: switches to a role on a new connection.

        Raises:
            InvalidRequest: the URL is malformed, or has an unknown option.
        """
        self._url = parse_database_url(url, setting)
        self._size = size
        self._server_settings = server_settings
        self._take_role = take_role
        self._pool: asyncpg.Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def acquire(self) -> asyncpg.Connection:
        """Take a connection from the pool, or open one.

        Raises:
            TimeoutError: no connection became free in time.
        """
        try:
            async with asyncio.timeout(max(CONNECT_TIMEOUT_SECONDS, self._url.connect_timeout_seconds)):
                return await (await self._open_pool()).acquire()
        except TimeoutError as error:
            raise TimeoutError("no connection became free in time") from error

    async def release(self, connection: asyncpg.Connection, *, close: bool = False) -> None:
        """Return a connection to the pool. It is closed instead with `close`, and if a transaction is open."""
        with suppress(asyncpg.InterfaceError):  # the server closed it, so the pool has removed it
            if close or connection.is_in_transaction():
                connection.terminate()
        if self._pool is not None:
            await self._pool.release(connection)

    def statistics(self, name: str) -> PoolStatistics:
        """Return the state of the pool under this name."""
        used = 0 if self._pool is None else self._pool.get_size() - self._pool.get_idle_size()
        return PoolStatistics(name, self._size, used)

    async def expire(self) -> None:
        """Replace all open connections at their next use."""
        if self._pool is not None:
            await self._pool.expire_connections()

    async def close(self) -> None:
        """Close all connections. The pool opens again at the next use."""
        pool, self._pool = self._pool, None
        if pool is not None and self._loop is asyncio.get_running_loop():
            with suppress(TimeoutError):  # connections in use were closed nevertheless
                async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                    await pool.close()

    async def _open_pool(self) -> asyncpg.Pool:
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            self._loop = loop
            self._pool = asyncpg.create_pool(
                min_size=0,
                max_size=self._size,
                max_inactive_connection_lifetime=0,
                connect=self._connect,
                connection_class=_PooledConnection,
            )
            await self._pool  # opens no connection yet
        return self._pool

    async def _connect(self, *_: object, **options: Any) -> asyncpg.Connection:
        connection = await _connect(self._url, self._server_settings, command_timeout=ANSWER_TIMEOUT_SECONDS, **options)
        try:
            await self._take_role(connection)
            await connection.execute(_COMMIT_DURABLY)
        except BaseException:
            connection.terminate()
            raise
        return connection


class _PooledConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose role and settings are not reset in the pool."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        return ""


def create_engine(url: str) -> AsyncEngine:
    """Create an engine for Alembic, with the role of the connecting user and no timeout of responses."""
    parsed = parse_database_url(url)
    return create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(parsed))


async def _connect(
    url: DatabaseUrl, more_settings: Mapping[str, str] = _NO_MORE_SETTINGS, **options: Any
) -> asyncpg.Connection:
    settings = {**_SERVER_SETTINGS, **more_settings, "application_name": url.application_name}
    timeout = url.connect_timeout_seconds
    try:
        return await asyncpg.connect(url.dsn, timeout=timeout, server_settings=settings, **options)
    except _LOST_CONNECTION as error:
        raise _CannotConnect(describe(error)) from error


class _CannotConnect(OSError):
    """A connection attempt failed. The text is that of the driver or the system, without secrets."""


@asynccontextmanager
async def raw_connection(pool: ConnectionPool) -> AsyncIterator[asyncpg.Connection]:
    """Take a connection from the pool until the context ends. All connections are taken here.

    After a cancellation, or another exception that is not an Exception, the state of the connection is unknown, so it
    is closed. If it was lost, all connections of the pool are replaced, as they were probably lost too.

    Raises:
        Conflict: another transaction won a race.
        Unavailable: PostgreSQL cannot be reached, or lacks resources.
        StoreError: PostgreSQL refused a statement.
    """
    with translate_errors():
        connection = await pool.acquire()
        close = True
        try:
            yield connection
            close = False
        except Exception as error:
            close = is_lost(error) or is_lost(error.__cause__)
            if close:
                await pool.expire()
            raise
        finally:
            await pool.release(connection, close=close)


_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


async def fetch(connection: asyncpg.Connection, query: ClauseElement) -> Sequence[asyncpg.Record]:
    """Run a query that SQLAlchemy built, and return its rows."""
    compiled = cast("SQLCompiler", query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}))
    values = compiled.construct_params()
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        compiled.string, *(values[name] for name in compiled.positiontup or ())
    )
    return rows


@contextmanager
def translate_errors() -> Iterator[None]:
    """Convert errors of the driver to those of the ports, with the driver's error as the `__cause__`.

    The message does not contain the driver's text, which may contain data, except for failed connection attempts.
    """
    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig else None
        raise _port_error(cause or error) from (cause or error)
    except (asyncpg.PostgresError, SQLAlchemyError, *_LOST_CONNECTION) as error:
        raise _port_error(error) from error


def _port_error(error: BaseException) -> BaseException:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Busy("another unit of work has locked what this one needs")
    if isinstance(error, _LOST_RACE):
        return Conflict("another request got there first")
    if not isinstance(error, _STATEMENT_FAILURES) and not is_lost(error):
        return StoreError("the database refused a statement")
    if isinstance(error, asyncpg.UndefinedTableError):
        unavailable = Unavailable("the database is not set up for this version: run tekana migrate")
    elif isinstance(error, _STATEMENT_FAILURES):
        unavailable = Unavailable("the database has no time or no room for this now")
    elif isinstance(error, _CannotConnect):
        unavailable = Unavailable(f"the database cannot be reached now: {error}")
    else:
        unavailable = Unavailable("the database cannot be reached now")
    _causes.note(unavailable, error)
    return unavailable


def describe(error: BaseException) -> str:
    """Describe an error in one line, for operators."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


class _CauseLog:
    """Logs why the database is unavailable: each kind of cause at most once in an interval, with a count."""

    def __init__(self) -> None:
        self._quiet_until: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def note(self, error: Unavailable, cause: BaseException) -> None:
        """Log the cause, unless one of its kind was logged in this interval."""
        kind = type(cause.__cause__ or cause).__name__
        self._counts[kind] = self._counts.get(kind, 0) + 1
        now = time.monotonic()
        if now >= self._quiet_until.get(kind, 0.0):
            _log.warning(
                "%s (%s: %s); %d since this was last logged", error, kind, describe(cause), self._counts.pop(kind)
            )
            self._quiet_until[kind] = now + _CAUSE_LOG_INTERVAL_SECONDS


_causes = _CauseLog()
