"""Helpers of the tests of the PostgreSQL adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

import tekana
from tekana.testing import builders


@asynccontextmanager
async def superuser(url: str) -> AsyncIterator[Any]:
    """Open a superuser's connection, for statements that the application never sends."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        raw: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
        yield raw
    await engine.dispose()


async def assert_corruption_breaks(app: tekana.Session, url: str, corruption: str, expected: set[int]) -> None:
    """Assert that a whole ledger, once it is corrupted by SQL, breaks these invariants and no others."""
    assert [finding async for finding in app.audit() if not finding.ok] == []
    async with superuser(url) as connection:
        await connection.execute(corruption)
        await connection.execute("SELECT pg_stat_force_next_flush()")  # otherwise changes are counted a second later
    broken = [finding async for finding in app.audit() if not finding.ok]
    assert {finding.invariant.number for finding in broken} == expected, broken
    for finding in broken:
        assert 0 < len(finding.breaches) <= finding.breach_count


BEGIN_THE_NEXT_PART = (
    "SELECT setval('outbox_position_seq', (SELECT min(ends) FROM outbox_parts WHERE dropped_at IS NULL))"
)
"""Moves to the next partition of the outbox; leaves the rest of the first one empty."""


async def some_history(app: tekana.Session) -> tuple[tekana.CustomerWithWallets, tekana.CustomerWithWallets]:
    """Register two customers; post a deposit, a transfer, a withdrawal and a refusal. Return the customers."""
    aline = await app.execute(builders.person())
    bosco = await app.execute(builders.person())
    mine, his = aline.wallets[0].id, bosco.wallets[0].id
    await app.execute(builders.deposit(mine, "1000"), key="deposit")
    await app.execute(builders.transfer(mine, his, "300"), key="transfer")
    await app.execute(builders.withdrawal(his, "100"), key="withdrawal")
    try:
        await app.execute(builders.transfer(mine, his, "99999"), key="refused")
    except tekana.InsufficientFunds:
        return aline, bosco
    raise AssertionError("an overdraft was posted")
