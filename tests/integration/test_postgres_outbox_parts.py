"""The partitioned outbox: a partition is dropped without delaying others, and the audit accounts for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import tekana
from tekana.domain.errors import EventsDropped
from tekana.testing import builders
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.session import session
from tekana_postgres import PostgresStore
from tests.integration.postgres_support import BEGIN_THE_NEXT_PART, some_history, superuser
from tests.postgres_stores import postgres_store

ALL = timedelta()
AN_OLD_TRANSACTION = """
SELECT transaction_id FROM outbox WHERE transaction_id IS NOT NULL ORDER BY position LIMIT 1
"""
DELETE = """
ALTER TABLE outbox DISABLE TRIGGER append_only;
DELETE FROM outbox WHERE transaction_id = '{0}';
ALTER TABLE outbox ENABLE ALWAYS TRIGGER append_only
"""


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store with a partition that can be dropped, and events after it."""
    async with session(postgres_url) as app:
        aline, _ = await some_history(app)
        async with superuser(postgres_url) as connection:
            await connection.execute(BEGIN_THE_NEXT_PART)
        await app.execute(builders.deposit(aline.wallets[0].id, "1"), key="after the first partition")
    store = postgres_store(postgres_url)
    yield store
    await store.stop()


async def broken(url: str) -> set[int]:
    async with session(url) as app:
        return {finding.invariant.number async for finding in app.audit() if not finding.ok}


async def test_only_rows_of_transactions_are_dropped(store: PostgresStore, postgres_url: str) -> None:
    query = "SELECT count(transaction_id), count(event) FROM outbox"
    async with superuser(postgres_url) as connection:
        transactions, events = await connection.fetchrow(query)
        size = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('outbox') WHERE isleaf"
        assert await connection.fetchval(size) > 0
        assert await store.retention.prune(ALL) == transactions - 1
        assert tuple(await connection.fetchrow(query)) == (1, events)
    assert await broken(postgres_url) == set()


async def test_the_audit_accounts_for_a_dropped_partition(store: PostgresStore, postgres_url: str) -> None:
    await store.retention.prune(ALL)
    async with superuser(postgres_url) as connection:
        await connection.execute("UPDATE outbox_parts SET digest = digest + 1 WHERE dropped_at IS NOT NULL")
    assert await broken(postgres_url) == {9}


async def test_events_lost_before_the_drop_are_still_reported(store: PostgresStore, postgres_url: str) -> None:
    async with superuser(postgres_url) as connection:
        await connection.execute(DELETE.format(await connection.fetchval(AN_OLD_TRANSACTION)))
    await store.retention.prune(ALL)
    assert await broken(postgres_url) == {9}


async def test_events_lost_after_the_drop_are_reported(store: PostgresStore, postgres_url: str) -> None:
    await store.retention.prune(ALL)
    async with superuser(postgres_url) as connection:
        await connection.execute(DELETE.format(await connection.fetchval(AN_OLD_TRANSACTION)))
        await connection.execute("SELECT pg_stat_force_next_flush()")
    assert {9, 11} <= await broken(postgres_url)


async def test_partitions_are_append_only(store: PostgresStore, postgres_url: str) -> None:
    await store.retention.prune(ALL)
    assert await broken(postgres_url) == set()
    async with superuser(postgres_url) as connection:
        for part in ("outbox_part_1", "outbox_part_2", "outbox_part_3", "outbox_rest"):
            with pytest.raises(Exception, match="never changed nor removed"):
                await connection.execute(f"TRUNCATE {part}")
        for part in ("outbox_part_1", "outbox_part_2"):
            with pytest.raises(Exception, match="never changed nor removed"):
                await connection.execute(f"DELETE FROM {part}")
        await connection.execute("ALTER TABLE outbox_part_1 DISABLE TRIGGER append_only")
    assert await broken(postgres_url) == {11, 14}


async def test_the_drop_waits_for_readers_while_transactions_are_posted(
    store: PostgresStore, postgres_url: str
) -> None:
    async with session(postgres_url) as app, superuser(postgres_url) as reader:
        wallet = await a_wallet(app)
        held_open = reader.transaction()
        await held_open.start()
        await reader.fetch("SELECT FROM outbox")  # holds a lock for long, like an audit
        dropping = asyncio.create_task(store.retention.prune(ALL))
        moved = 0
        async with asyncio.timeout(30):
            while moved < 20 or not dropping.done():
                await app.execute(builders.deposit(wallet, "1"), key=f"meanwhile {moved}")
                moved += 1
                if moved == 20:
                    assert not dropping.done()
                    await held_open.commit()
        assert await dropping is not None
    assert await broken(postgres_url) == set()


async def test_a_reader_sees_no_gap(store: PostgresStore, postgres_url: str) -> None:
    """While partitions are dropped, a reader gets EventsDropped or continues without a gap."""
    async with session(postgres_url) as app:
        feed = await every(app.events.list)
        cursors: list[str | None] = [None, *(one.cursor for one in feed)]
        dropping = asyncio.create_task(store.retention.prune(ALL))
        refused = 0
        while not dropping.done():
            for place, cursor in enumerate(cursors):
                try:
                    found = (await app.events.list(tekana.PageRequest(100, cursor))).items
                except EventsDropped:
                    refused += 1
                else:
                    assert list(found) == feed[len(feed) - len(found) :]
                    assert cursor is None or list(found) == feed[place:]
        assert await dropping is not None
        kept = await every(app.events.list)
    assert 0 < len(kept) < len(feed)


async def test_transactions_beyond_the_last_partition_are_accepted(store: PostgresStore, postgres_url: str) -> None:
    async with superuser(postgres_url) as connection:
        await connection.execute("SELECT setval('outbox_position_seq', (SELECT max(ends) FROM outbox_parts) + 10)")
        async with session(postgres_url) as app:
            wallet = await a_wallet(app)
            await app.execute(builders.deposit(wallet, "1"), key="beyond all partitions")
            feed = await every(app.events.list)
        assert await connection.fetchval("SELECT count(*) FROM outbox_rest") == 1
        await store.retention.prune(ALL)  # also creates the next partitions
        rest = await connection.fetchval("SELECT max(position) FROM outbox_rest")
        assert await connection.fetchval("SELECT count(*) FROM outbox_parts WHERE begins > $1", rest) >= 4
        await connection.execute("SELECT setval('outbox_position_seq', (SELECT max(begins) FROM outbox_parts))")
        async with session(postgres_url) as app:
            await app.execute(builders.deposit(wallet, "1"), key="in a partition again")
            assert len(await every(app.events.list)) == 3 + 3 + 3  # the first partition is dropped
        assert await connection.fetchval("SELECT count(*) FROM outbox_rest") == 1
    assert len(feed) > 6
    assert await broken(postgres_url) == set()


async def a_wallet(app: tekana.Session) -> tekana.WalletId:
    """Return the id of a customer's wallet."""
    wallets = await app.wallets.list(tekana.WalletFilter(), tekana.PageRequest(100))
    return next(one.id for one in wallets.items if one.house is None)
