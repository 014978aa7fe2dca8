"""What a failure costs: a statement that fails costs itself, a lost connection also those that idle beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

import tekana
from tekana_postgres.connections import create_engine, raw_connection


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(postgres_url, connections=2)
    yield engine
    await engine.dispose()


async def both(engine: AsyncEngine) -> set[int]:
    """The server's processes behind the two connections of the pool."""
    async with raw_connection(engine) as one, raw_connection(engine) as other:
        return {await connection.fetchval("SELECT pg_backend_pid()") for connection in (one, other)}


@pytest.mark.parametrize(
    "failing",
    ["SET statement_timeout = 1; SELECT pg_sleep(60)", "DO $$ BEGIN RAISE disk_full; END $$"],
    ids=["over its time", "no room"],
)
async def test_a_statement_that_is_given_up_costs_no_connection(engine: AsyncEngine, failing: str) -> None:
    before = await both(engine)
    with pytest.raises(tekana.Unavailable, match="no time or no room"):
        async with raw_connection(engine) as connection:
            await connection.execute(failing)
    assert await both(engine) == before


async def test_a_lost_connection_costs_those_that_idle_beside_it(engine: AsyncEngine) -> None:
    before = await both(engine)
    with pytest.raises(tekana.Unavailable, match="cannot be reached"):
        async with raw_connection(engine) as connection:
            await connection.execute("RESET ROLE; SELECT pg_terminate_backend(pg_backend_pid())")
    assert before.isdisjoint(await both(engine))
