"""Workers on PostgreSQL: reserved connections, leases while the clock is set back, and few queries when idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import make_url

from tekana.application.workers import leased_worker
from tekana.application.workers.relay import relay_worker
from tekana.application.workers.worker import running
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.events import event_id
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.session import session
from tekana_memory import MemoryPublisher
from tekana_postgres import PostgresStore
from tekana_postgres.connections import raw_connection
from tekana_postgres.store import _READERS
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store

PATIENCE = 30.0


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = postgres_store(postgres_url)
    yield store
    await store.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a worker signals nothing
            await asyncio.sleep(0.005)


async def test_slow_reads_do_not_delay_workers(store: PostgresStore) -> None:
    """Slow reads use all connections for longer than a lease."""
    publisher = MemoryPublisher()
    outbox = store.outbox("bus")
    async with session(store=store) as app, running([relay_worker("relay", outbox, publisher, holder="me")]):
        await a_wallet(app, "1")
        feed = [one.event for one in await every(store.events(LOCAL_OPERATOR).list)]
        await until(lambda: publisher.published == feed)
        async with AsyncExitStack() as lists:
            for _ in range(_READERS):
                await lists.enter_async_context(raw_connection(store._readers))
            await app.execute(builders.person())
            await until(lambda: len(publisher.published) == len(feed) + 2)
            await asyncio.sleep(1.5 * leased_worker.LEASE_SECONDS)
            assert (await outbox.state()).epoch == 1


@pytest.mark.parametrize("table", ["leases", "relays"])
async def test_a_clock_set_back_by_two_days_keeps_the_lease(
    store: PostgresStore, postgres_url: str, table: str
) -> None:
    lease = store.lease("worker") if table == "leases" else store.outbox("worker").lease
    seconds = leased_worker.LEASE_SECONDS
    before = await lease.acquire("before", seconds)
    async with superuser(postgres_url) as connection:
        await connection.execute(f"UPDATE {table} SET expires_at = expires_at + interval '2 days'")
    after = await lease.acquire("after", seconds)
    assert before is not None
    assert after is not None
    assert after > before
    assert await lease.acquire("third", seconds) is None


async def test_an_idle_relay_queries_locks_rarely_and_wakes_quickly(store: PostgresStore, postgres_url: str) -> None:
    """The locks of transactions in flight are queried once a second, not at every poll."""
    name = make_url(postgres_url).database
    publisher = MemoryPublisher()
    async with superuser(postgres_url) as connection, session(store=store) as app:
        await connection.execute(f"ALTER DATABASE {name} SET track_functions = 'all'")
        wallet = await a_wallet(app, "1")
        async with running([relay_worker("relay", store.outbox("bus"), publisher, holder="me")]):
            feed = [one.event for one in await every(store.events(LOCAL_OPERATOR).list)]
            await until(lambda: publisher.published == feed)
            before = await _calls(connection)
            await asyncio.sleep(3.0)
            assert await _calls(connection) - before <= 6
            delays = []
            for number in range(10):
                await asyncio.sleep(0.1)
                await app.execute(builders.deposit(wallet.id, "1"), key=str(number))
                decided = asyncio.get_running_loop().time()
                wanted = len(feed) + 3 * (number + 1)
                await until(lambda wanted=wanted: len(publisher.published) >= wanted)  # type: ignore[misc]
                delays.append(asyncio.get_running_loop().time() - decided)
        feed = [one.event for one in await every(store.events(LOCAL_OPERATOR).list)]
    assert [event_id(one) for one in publisher.published] == [event_id(one) for one in feed]
    assert sorted(delays)[5] < 0.2, "about 0.5 s would be the slow poll"


async def _calls(connection: object) -> int:
    query = "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'tekana_settled_position'"
    await connection.execute("SELECT pg_stat_clear_snapshot()")  # type: ignore[attr-defined]
    return int(await connection.fetchval(query))  # type: ignore[attr-defined]
