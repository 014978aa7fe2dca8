"""Migration of a database to a version of the schema, with Alembic."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, text

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.errors import Unavailable
from tekana.ports.key_provider import KeyProvider
from tekana_postgres.connections import ConnectionPool, create_engine, raw_connection, translate_errors
from tekana_postgres.customer_migration import decrypt_customers, encrypt_customers
from tekana_postgres.revisions import MIGRATIONS_FOLDER, known_revisions, newest_revision
from tekana_postgres.store import PostgresStore

_log = logging.getLogger("tekana.postgres")

# Alembic has a global context. Other processes wait for a lock in the database.
_ONE_AT_A_TIME = threading.Lock()


_CUSTOMER_DETAILS: Final = "0019"
_NO_READABLE_CUSTOMERS: Final = "0020"
"""The migrations between which customers' personal data are encrypted."""

_ATTEMPTS_MAX: Final = 10
_LOCK: Final = 0x74656B616E62  # not that of a single migration
_LOCK_SECONDS: Final = 24 * 3600.0

_COUNT_CHANGE: Final = """
UPDATE terms SET version = version + 1
WHERE :name <> (SELECT name FROM time_zones ORDER BY valid_from DESC LIMIT 1)
"""
# In an empty ledger, it is in force for all that comes, whatever the clock of its posting says.
_ADD_TIME_ZONE: Final = """
INSERT INTO time_zones
SELECT CASE WHEN EXISTS (SELECT FROM entries) THEN clock_timestamp() ELSE max(valid_from) + interval '1 second' END,
    :name
FROM time_zones
"""

_T = TypeVar("_T")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    return config


def _newer(revision: str) -> Unavailable:
    return Unavailable(
        f"the database is at schema {revision}, which is newer than {newest_revision()}, the newest that this version "
        "of tekana knows: install the version that migrated it"
    )


async def migrate(
    url: str, revision: str = "head", *, key_provider: Callable[[], KeyProvider] | None = None
) -> list[str]:
    """Migrate the schema up or down to a revision, and return the names of the migrations that ran.

    Between the two migrations of customers' personal data, the rows of an earlier version are encrypted.

    Runs in a thread of its own, so that waiting for another migration does not block the event loop.

    Args:
        url: the database's URL.
        revision: the revision, or "head"; "base" removes everything.
        key_provider: returns the provider of the master keys; needed if an earlier version has stored customers.

    Raises:
        KeyUnavailable: there are customers to encrypt, and the key provider cannot be reached. Call it again.
        Unavailable: the database cannot be reached, or its schema is newer than this version.
        InvalidRequest: the URL is malformed.
    """
    return await _in_thread(lambda: _migrate_all(url, revision, key_provider))


async def decrypt(url: str, *, key_provider: Callable[[], KeyProvider]) -> None:
    """Undo the last migration of customers' personal data, and store them readable: before a downgrade.

    Raises:
        KeyUnavailable: the key provider cannot be reached. Call it again.
    """
    await _in_thread(lambda: _decrypt(url, key_provider))


async def _in_thread(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    def run() -> _T:
        with _ONE_AT_A_TIME:
            return asyncio.run(work())

    return await asyncio.to_thread(run)


async def _migrate_all(url: str, revision: str, key_provider: Callable[[], KeyProvider] | None) -> list[str]:
    if revision != "head" or await _run(url, _present_revision) >= _NO_READABLE_CUSTOMERS:
        return await _run(url, _migrate, revision)
    async with _one_process_at_a_time(url):
        return await _migrate_customers(url, key_provider)


async def _migrate_customers(url: str, key_provider: Callable[[], KeyProvider] | None) -> list[str]:
    """Migrate to the newest revision from one before the encryption of customers."""
    present = await _run(url, _present_revision)
    steps: list[str] = [] if present >= _CUSTOMER_DETAILS else await _run(url, _migrate, _CUSTOMER_DETAILS)
    if present >= _NO_READABLE_CUSTOMERS:  # another process was first
        return await _run(url, _migrate, "head")
    for attempt in range(_ATTEMPTS_MAX):
        async with _vault(url, key_provider) as (pool, vault):
            await encrypt_customers(pool, vault, lambda line: _log.warning("encrypted %s", line))
        try:
            steps += await _run(url, _migrate, "head")
            break
        except RuntimeError as error:  # of a process of the version before, which changes customers meanwhile
            if attempt == _ATTEMPTS_MAX - 1 or type(error).__name__ != "NotEncrypted":
                raise
    if f"up {_NO_READABLE_CUSTOMERS}" in steps and present:
        await _run(url, _rewrite)
    return steps


async def _decrypt(url: str, key_provider: Callable[[], KeyProvider]) -> None:
    if await _run(url, _present_revision) >= _NO_READABLE_CUSTOMERS:
        await _run(url, _migrate, _CUSTOMER_DETAILS)
    async with _vault(url, key_provider) as (pool, vault):
        await decrypt_customers(pool, vault, lambda line: _log.warning("decrypted %s", line))


async def _run(url: str, work: Callable[..., _T], *arguments: Any) -> _T:
    engine = create_engine(url)
    try:
        with translate_errors():
            async with engine.connect() as connection:
                return await connection.run_sync(work, *arguments)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _vault(
    url: str, key_provider: Callable[[], KeyProvider] | None
) -> AsyncIterator[tuple[ConnectionPool, CustomerVault]]:
    """Open connections and data keys for the event loop of this thread."""
    store = PostgresStore(url, key_provider=key_provider)
    pool = ConnectionPool(url, size=1)
    try:
        yield pool, store.vault
    finally:
        await pool.close()
        await store.stop()


@asynccontextmanager
async def _one_process_at_a_time(url: str) -> AsyncIterator[None]:
    """Hold a lock for several migrations and what is between them. It ends with its connection."""
    pool = ConnectionPool(url, size=1)
    try:
        async with raw_connection(pool) as connection:
            await connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK, timeout=_LOCK_SECONDS)
            yield
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    finally:
        await pool.close()


async def keep_time_zone(url: str, name: str) -> None:
    """Store the time zone of the days, weeks and months of limits, if it is another one than before.

    Raises:
        Unavailable: the database cannot be reached.
    """
    await _in_thread(lambda: _run(url, _keep_time_zone, name))


def _keep_time_zone(connection: Connection, name: str) -> None:
    if connection.execute(text(_COUNT_CHANGE), {"name": name}).rowcount:
        connection.execute(text(_ADD_TIME_ZONE), {"name": name})
    connection.commit()


def _present_revision(connection: Connection) -> str:
    """Return the revision of the schema; "" if there is none. There may also be revisions of another program."""
    heads = MigrationContext.configure(connection).get_current_heads()
    return next((one for one in heads if one in known_revisions()), max(heads, default=""))


def _rewrite(connection: Connection) -> None:
    """Rewrite the tables that had readable columns, whose values stay in the files until then."""
    connection.commit()
    outside = connection.execution_options(isolation_level="AUTOCOMMIT")
    for table in ("customers", "customer_answers"):
        outside.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")


def _migrate(connection: Connection, revision: str) -> list[str]:
    steps: list[str] = []
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["on_step"] = steps.append
    is_upgrade = revision == "head" or (revision != "base" and _present_revision(connection) < revision)
    try:
        (command.upgrade if is_upgrade else command.downgrade)(config, revision)
    except CommandError:
        present = MigrationContext.configure(connection).get_current_revision()
        if present is None or present in known_revisions():
            raise
        raise _newer(present) from None
    connection.commit()
    return steps
