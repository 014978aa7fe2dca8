"""Helpers of the tests of linked history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import tekana
from tekana.domain.errors import Unavailable
from tekana.ports.audit import Finding
from tekana.ports.history import Head, HistoryKey, Progress
from tekana.testing.session import session
from tekana_postgres import PostgresStore
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store

TABLES = ("transactions", "entries", "idempotency_keys", "outbox", "audit_log", "history_links")


class GivenKeys:
    """Implements tekana.ports.history.HistoryKeys with keys in memory; the last one is the current one."""

    def __init__(self, *numbers: int) -> None:
        self.keys = [HistoryKey(UUID(int=number), bytes([number]) * 32) for number in numbers or (1,)]

    async def current(self) -> HistoryKey:
        return self.keys[-1]

    async def get(self, key_id: UUID) -> HistoryKey:
        for one in self.keys:
            if one.id == key_id:
                return one
        raise Unavailable(f"there is no history key {key_id}")


def linked_store(url: str, keys: GivenKeys | None = None) -> PostgresStore:
    """Return a store that links its history."""
    store = postgres_store(url)
    store.link_history(keys or GivenKeys())
    return store


@asynccontextmanager
async def linked_session(url: str, keys: GivenKeys | None = None) -> AsyncIterator[tekana.Session]:
    """Yield a session that links its history."""
    async with session(store=linked_store(url, keys)) as app:
        yield app


def quiet(done: int, total: int) -> None:
    """Report no progress."""


async def chain_findings(
    url: str,
    keys: GivenKeys | None = None,
    checkpoints: Sequence[Head] | None = None,
    progress: Progress = quiet,
) -> list[Finding]:
    """Audit the links."""
    store = linked_store(url, keys)
    try:
        return [finding async for finding in store.history.audit(checkpoints, progress)]
    finally:
        await store.stop()


async def chain_breaches(
    url: str, keys: GivenKeys | None = None, checkpoints: Sequence[Head] | None = None
) -> dict[int, tuple[str, ...]]:
    """Audit the links, and return the breaches by the numbers of their invariants."""
    found = await chain_findings(url, keys, checkpoints)
    return {finding.invariant.number: finding.breaches for finding in found if not finding.ok}


async def heads(url: str) -> Sequence[Head]:
    """Return the last link of each chain."""
    store = linked_store(url)
    try:
        return await store.history.heads()
    finally:
        await store.stop()


async def tamper(url: str, *statements: str) -> None:
    """Execute statements as the owner of the database does who wants to leave no traces: the guards are off meanwhile.

    Each must change something.
    """
    async with superuser(url) as connection, connection.transaction():
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            done = await connection.execute(statement)
            assert not done.endswith(" 0"), statement
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
            await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only_truncate")
