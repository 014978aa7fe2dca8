"""Data keys, wrapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tekana.domain.errors import Conflict
from tekana.ports.clock import Clock
from tekana.ports.data_keys import DataKeyId, WrappedDataKey
from tekana_postgres.connections import ConnectionPool, raw_connection

_COLUMNS = "id, purpose, wrapped, created_at, retired_at"
# It takes the time as a parameter; NULL means the database's.
_ADD = """
INSERT INTO data_keys (id, purpose, wrapped, created_at) VALUES ($1, $2, $3, coalesce($4, now()))
ON CONFLICT (purpose) WHERE retired_at IS NULL DO NOTHING
"""
_RETIRE = "UPDATE data_keys SET retired_at = coalesce($2, now()) WHERE purpose = $1 AND retired_at IS NULL"
_CURRENT = f"SELECT {_COLUMNS} FROM data_keys WHERE purpose = $1 AND retired_at IS NULL"
_LIST = f"SELECT {_COLUMNS} FROM data_keys ORDER BY id"
_REPLACE = "UPDATE data_keys SET wrapped = $3 WHERE id = $1 AND wrapped = $2 RETURNING 1"


class PostgresDataKeys:
    """Implements tekana.ports.data_keys.WrappedDataKeys."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._now: Callable[[], datetime | None] = clock or (lambda: None)

    async def add(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
        async with raw_connection(self._pool) as connection:
            await connection.execute(_ADD, key_id, purpose, wrapped, self._now())
            row = await connection.fetchrow(_CURRENT, purpose)  # a statement of its own, which sees the winner's row
        if row is None:
            raise Conflict(f"the data key for {purpose} was retired meanwhile")
        return WrappedDataKey(*row)

    async def rotate(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
        async with raw_connection(self._pool) as connection, connection.transaction():
            await connection.execute(_RETIRE, purpose, self._now())
            await connection.execute(_ADD, key_id, purpose, wrapped, self._now())
            return WrappedDataKey(*await connection.fetchrow(_CURRENT, purpose))

    async def list(self) -> Sequence[WrappedDataKey]:
        async with raw_connection(self._pool) as connection:
            return [WrappedDataKey(*row) for row in await connection.fetch(_LIST)]

    async def replace_wrapped(self, key_id: DataKeyId, before: str, after: str) -> bool:
        async with raw_connection(self._pool) as connection:
            return await connection.fetchval(_REPLACE, key_id, before, after) is not None
