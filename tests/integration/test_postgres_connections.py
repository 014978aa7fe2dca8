"""Failures in the connection pool: a failed statement keeps its connection, a lost connection closes idle ones."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tekana
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.rights import ROLE_PREFIX
from tests.integration.postgres_support import superuser


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[ConnectionPool]:
    pool = ConnectionPool(postgres_url, size=2)
    yield pool
    await pool.close()


async def both(pool: ConnectionPool) -> set[int]:
    """Return the backend pids of the two connections of the pool."""
    async with raw_connection(pool) as one, raw_connection(pool) as other:
        return {await connection.fetchval("SELECT pg_backend_pid()") for connection in (one, other)}


@pytest.mark.parametrize(
    "failing",
    ["SET statement_timeout = 1; SELECT pg_sleep(60)", "DO $$ BEGIN RAISE disk_full; END $$"],
    ids=["over its time", "no room"],
)
async def test_a_timed_out_statement_keeps_its_connection(pool: ConnectionPool, failing: str) -> None:
    before = await both(pool)
    with pytest.raises(tekana.Unavailable, match="no time or no room"):
        async with raw_connection(pool) as connection:
            await connection.execute(failing)
    assert await both(pool) == before


async def test_a_lost_connection_closes_the_idle_ones(pool: ConnectionPool) -> None:
    before = await both(pool)
    with pytest.raises(tekana.Unavailable, match="cannot be reached"):
        async with raw_connection(pool) as connection:
            await connection.execute("RESET ROLE; SELECT pg_terminate_backend(pg_backend_pid())")
    assert before.isdisjoint(await both(pool))


async def test_connection_settings_survive_a_return_to_the_pool(pool: ConnectionPool) -> None:
    async def settings() -> tuple[Any, ...]:
        async with raw_connection(pool) as connection:
            query = "SELECT current_user::text, current_setting('lock_timeout'), current_setting('search_path')"
            return tuple(await connection.fetchrow(query))

    first = await settings()
    assert await settings() == first
    assert (first[0].startswith(f"{ROLE_PREFIX}_"), *first[1:]) == (True, "500ms", "public")


@pytest.mark.parametrize("ending", [asyncio.CancelledError, ValueError, None], ids=["cancelled", "error", "no error"])
async def test_no_connection_returns_with_an_open_transaction(
    pool: ConnectionPool, ending: type[BaseException] | None
) -> None:
    before = await both(pool)
    try:
        async with raw_connection(pool) as connection:
            await connection.execute("BEGIN")
            if ending is not None:
                raise ending
    except (asyncio.CancelledError, ValueError):
        pass
    assert len(before & await both(pool)) == 1
    for _ in range(2):
        async with raw_connection(pool) as one, raw_connection(pool) as other:
            assert not one.is_in_transaction()
            assert not other.is_in_transaction()


async def test_writes_after_cancellations_are_visible(postgres_url: str, pool: ConnectionPool) -> None:
    """Tasks are cancelled at every point of their use of a connection; every successful write is stored."""
    async with superuser(postgres_url) as connection:
        await connection.execute("CREATE TABLE writes (number int); GRANT ALL ON writes TO PUBLIC")

    async def write_in_transaction(number: int) -> None:
        async with raw_connection(pool) as connection, connection.transaction():
            await connection.execute("INSERT INTO writes VALUES ($1)", number)
            await connection.execute("SELECT pg_sleep(0.001)")

    async def write(number: int) -> int:
        async with raw_connection(pool) as connection:
            await connection.execute("INSERT INTO writes VALUES ($1)", number)
        return number

    chance = random.Random(20261129)
    done: set[int] = set()
    for round_ in range(60):
        doomed = [asyncio.create_task(write_in_transaction(-1 - round_)) for _ in range(2)]
        await asyncio.sleep(chance.uniform(0, 0.006))
        for task in doomed:
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()  # also during the rollback of the transaction
        await asyncio.gather(*doomed, return_exceptions=True)
        done |= {await write(round_)}
    async with superuser(postgres_url) as connection:
        rows = await connection.fetch("SELECT number FROM writes WHERE number >= 0")
    assert {row["number"] for row in rows} == done


async def test_no_connection_of_the_pool_is_lost_on_a_timeout(pool: ConnectionPool) -> None:
    """A waiter that times out at the moment when a connection becomes free leaves it to the next waiter."""
    for _ in range(200):
        async with raw_connection(pool), raw_connection(pool):
            waiting = [asyncio.create_task(both(pool)) for _ in range(3)]
            await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert len(await asyncio.wait_for(both(pool), 10)) == 2
