"""The checks of a PostgreSQL for production: it is durable and migrated, and the user may not change history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg

from tekana.domain.errors import FieldError, Unavailable
from tekana_postgres.connections import ConnectionPool, StoreError, describe, raw_connection
from tekana_postgres.database_url import url_faults
from tekana_postgres.revisions import check_revisions
from tekana_postgres.tables import APPEND_ONLY

_SETTING = "database_url"

# What the server, the database or the role is configured with. A connection of tekana sets synchronous_commit itself.
_OFF = """
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND 'off' IN (setting, reset_val) ORDER BY name
"""
_USER = """
SELECT session_user AS name, rolsuper AS superuser,
       pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = to_regclass('outbox')), 'MEMBER') AS owner
FROM pg_roles WHERE rolname = session_user
"""
# On tables of history, the user itself and the roles that it may switch to.
_CHANGES = """
SELECT name FROM unnest($1::text[]) AS name, pg_roles
WHERE to_regclass(name) IS NOT NULL AND pg_has_role(session_user, pg_roles.oid, 'MEMBER')
  AND has_table_privilege(pg_roles.oid, to_regclass(name), 'UPDATE, DELETE, TRUNCATE')
ORDER BY name LIMIT 1
"""

_IS_MIGRATED = "SELECT to_regclass('alembic_version') IS NOT NULL"
_REVISIONS = "SELECT version_num FROM alembic_version"


async def production_faults(url: str, read_url: str | None) -> Sequence[FieldError]:
    """Return what is not safe for production in a database and its URLs. Without faults of a URL, it connects.

    Raises:
        Unavailable: the database cannot be reached.
    """
    faults = list(url_faults(url, _SETTING))
    if read_url is not None:
        faults += url_faults(read_url, "read_database_url")
    if faults:
        return faults
    pool = ConnectionPool(url, size=1)
    try:
        async with raw_connection(pool) as connection:
            return [fault async for fault in _server_faults(connection)]
    except StoreError as error:
        raise Unavailable(f"the database cannot be checked: {describe(error.__cause__ or error)}") from error.__cause__
    finally:
        await pool.close()


async def _server_faults(connection: asyncpg.Connection) -> AsyncIterator[FieldError]:
    for row in await connection.fetch(_OFF):
        yield FieldError(row["name"], "is off in the database: a power failure may lose money that was confirmed")
    user = await connection.fetchrow(_USER)
    history = [table.name for table in APPEND_ONLY]
    if user["superuser"]:
        yield FieldError(_SETTING, f"has the superuser {user['name']}, who may change history")
    elif user["owner"]:
        yield FieldError(_SETTING, f"has the user {user['name']}, who owns the tables and may change history")
    elif table := await connection.fetchval(_CHANGES, history):
        yield FieldError(_SETTING, f"has the user {user['name']}, who may change the history in {table}")
    revisions = await connection.fetch(_REVISIONS) if await connection.fetchval(_IS_MIGRATED) else []
    try:
        check_revisions([row["version_num"] for row in revisions])
    except Unavailable as error:
        yield FieldError(_SETTING, f"names a database that is not migrated: {error}")
