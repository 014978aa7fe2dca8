"""Retention of the outbox, with functions of the database that run as the user that migrated."""

from __future__ import annotations

from datetime import timedelta

from tekana_postgres.connections import ConnectionPool, raw_connection

_ADD_PARTS = "SELECT tekana_add_outbox_parts()"
_DROP_PART = "SELECT tekana_drop_outbox_part($1)"

_DROP_TIMEOUT_SECONDS = 600  # it reads a whole part, without locks


class PostgresRetention:
    """Implements tekana.ports.retention.Retention."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def prune(self, older_than: timedelta) -> int | None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_ADD_PARTS)
        async with raw_connection(self._pool) as connection, connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = {_DROP_TIMEOUT_SECONDS * 1000}")
            dropped: int | None = await connection.fetchval(_DROP_PART, older_than, timeout=_DROP_TIMEOUT_SECONDS)
        return dropped
