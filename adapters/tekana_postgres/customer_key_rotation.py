"""Rotation of the data key that encrypts customers' keys, while processes go on.

    retire the data key, and add a new one ─> wait until each process uses it ─> encrypt each customer's key with it

It can be interrupted anywhere. The next call completes it: while a customer's key is encrypted with an earlier data
key, none is added. What the customers' keys encrypt does not change.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import asyncpg

from tekana.application.secrets.customer_vault import CUSTOMERS, CustomerVault
from tekana.application.secrets.data_keys import REFRESH_SECONDS
from tekana.application.secrets.encryption import key_id_of
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.customer_migration import Progress, Report

_BATCH: Final = 1000
_PAGE = f"""
SELECT id, key FROM customer_details WHERE key IS NOT NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT {_BATCH}
"""
_REPLACE = "UPDATE customer_details SET key = $3 WHERE id = $1 AND key = $2"
_AGE = "SELECT now() - created_at FROM data_keys WHERE id = $1"


async def rotate_customer_keys(pool: ConnectionPool, vault: CustomerVault, report: Report) -> int:
    """Rotate the data key of customers, or complete a rotation that was interrupted.

    Args:
        pool: connections of the application's role.
        vault: encrypts.
        report: is given lines about the progress.

    Returns:
        How many customers' keys were encrypted with the new data key.

    Raises:
        KeyUnavailable, Unavailable: the key provider or the database cannot be reached. Call it again.
    """
    keys = vault.data_keys
    current = await keys.latest(CUSTOMERS)
    is_complete = all([key_id_of(row["key"]) == current.id async for rows in _pages(pool) for row in rows])
    if is_complete:
        current = await keys.rotate(CUSTOMERS)
    async with raw_connection(pool) as connection:
        age: timedelta = await connection.fetchval(_AGE, current.id)
    await asyncio.sleep(max(0.0, REFRESH_SECONDS - age.total_seconds()))
    total = 0
    while count := await _wrap_all(pool, vault, Progress("keys of customers", None, report)):
        total += count  # and again, until none was written with the earlier one meanwhile
    return total


async def _pages(pool: ConnectionPool) -> AsyncIterator[list[asyncpg.Record]]:
    after = None
    while True:
        async with raw_connection(pool) as connection:
            rows = await connection.fetch(_PAGE, after)
        if not rows:
            return
        yield rows
        after = rows[-1]["id"]


async def _wrap_all(pool: ConnectionPool, vault: CustomerVault, progress: Progress) -> int:
    total = 0
    async for rows in _pages(pool):
        again = [(row["id"], row["key"], await vault.wrap_again(row["key"], row["id"])) for row in rows]
        changed = [one for one in again if one[1] != one[2]]
        async with raw_connection(pool) as connection:
            await connection.executemany(_REPLACE, changed)
        progress.add(len(changed))
        total += len(changed)
    progress.end()
    return total
