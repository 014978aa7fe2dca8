"""Leases. The lease of a relay is in its row of `relays`; those of other workers are rows of `leases`."""

from __future__ import annotations

from typing import Literal

from tekana.ports.lease import LeaseLost
from tekana_postgres.connections import ConnectionPool, raw_connection

LeaseTable = Literal["leases", "relays"]

# A lease that ends later than its duration from now was granted before the database's clock was set back.
_ACQUIRE = """
UPDATE {0} SET holder = $2, epoch = epoch + 1, expires_at = clock_timestamp() + $3 * interval '1 second'
WHERE name = $1 AND (
    expires_at IS NULL OR expires_at < clock_timestamp() OR expires_at > clock_timestamp() + $3 * interval '1 second'
) RETURNING epoch
"""
_ADD_ROW = "INSERT INTO {0} (name) VALUES ($1) ON CONFLICT DO NOTHING"
_RENEW = """
UPDATE {0} SET expires_at = clock_timestamp() + $3 * interval '1 second' WHERE name = $1 AND epoch = $2 RETURNING 1
"""
_RELEASE = "UPDATE {0} SET holder = NULL, expires_at = NULL WHERE name = $1 AND epoch = $2"


class PostgresLease:
    """Implements tekana.ports.lease.Lease, with the database's clock."""

    def __init__(self, pool: ConnectionPool, table: LeaseTable, name: str) -> None:
        self._pool = pool
        self._name = name
        self._statements = [one.format(table) for one in (_ADD_ROW, _ACQUIRE, _RENEW, _RELEASE)]

    async def acquire(self, holder: str, seconds: float) -> int | None:
        add_row, acquire, _, _ = self._statements
        async with raw_connection(self._pool) as connection:
            await connection.execute(add_row, self._name)
            epoch: int | None = await connection.fetchval(acquire, self._name, holder, seconds)
        return epoch

    async def renew(self, epoch: int, seconds: float) -> None:
        async with raw_connection(self._pool) as connection:
            require_held(await connection.fetchval(self._statements[2], self._name, epoch, seconds))

    async def release(self, epoch: int) -> None:
        async with raw_connection(self._pool) as connection:
            await connection.execute(self._statements[3], self._name, epoch)


def require_held(found: int | None) -> None:
    """Raise LeaseLost if no row with the epoch was found."""
    if found is None:
        raise LeaseLost("another process holds the lease")
