"""The feed waits for positions of transactions in flight, and for no others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from uuid_utils.compat import uuid7

from tekana.application.engine.decide import fingerprint
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT
from tekana.domain.events import event_id
from tekana.domain.money import Currency
from tekana.ports.page import PageRequest
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord, UnitOfWork
from tekana.testing import builders
from tekana.testing.builders import hash_secret
from tekana.testing.contracts.webhook_activation import queue_events, queued_for
from tekana.testing.contracts.webhook_helpers import ME, create
from tekana.testing.session import session
from tekana_postgres import PostgresStore
from tests.postgres_stores import postgres_store


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store with one customer, so that the house wallets exist and later registrations do not wait for them."""
    store = postgres_store(postgres_url)
    async with store.begin() as first:
        await register(first, commit=True)
    yield store
    await store.stop()


async def register(unit: UnitOfWork, *, commit: bool) -> None:
    """Do everything that a registration does. Without the commit, the unit rolls back at its end."""
    command = builders.person()
    book = Book(
        await unit.lock(command.locks()),
        uuid7,
        Currency("RWF"),
        LOCAL_OPERATOR,
        new_secret=builders.readable_secret,
        hash_secret=hash_secret,
    )
    answer = command.decide(book)
    transaction = unit._transaction  # type: ignore[attr-defined]
    if not commit:
        unit._transaction = _NeverCommits()  # type: ignore[attr-defined]
    await unit.save(
        book,
        {
            IdempotencyKey(MAIN_TENANT, "local", str(uuid7())): IdempotencyRecord(
                fingerprint(command.NAME, command), answer
            )
        },
    )
    if not commit:
        unit._transaction = transaction  # type: ignore[attr-defined]


class _NeverCommits:
    async def commit(self) -> None:
        """Skip the commit, after all statements were sent."""


async def feed_types(store: PostgresStore) -> list[str]:
    """Return the types of all events except those of the first customer."""
    page = await store.events(LOCAL_OPERATOR).list(PageRequest(200))
    return [type(one.event).__name__ for one in page.items[2:]]


ONE = ["CustomerRegistered", "WalletOpened"]


async def test_later_events_wait_for_an_earlier_transaction_in_flight(store: PostgresStore) -> None:
    async with store.begin() as slow:
        await register(slow, commit=False)
        async with store.begin() as quick:
            await register(quick, commit=True)
        assert (
            await feed_types(store) == []
        )  # positions 3 and 4 are in flight: a reader that got 5 and 6 would miss them
        await slow._transaction.commit()
        slow._transaction = None
        assert await feed_types(store) == ONE + ONE


async def test_the_feed_does_not_wait_for_a_rolled_back_transaction(store: PostgresStore) -> None:
    async with store.begin() as failing:
        await register(failing, commit=False)
        async with store.begin() as quick:
            await register(quick, commit=True)
        assert await feed_types(store) == []
    assert await feed_types(store) == ONE


async def test_a_later_transaction_in_flight_does_not_delay_earlier_events(store: PostgresStore) -> None:
    async with store.begin() as failing:
        await register(failing, commit=False)
    async with store.begin() as quick:
        await register(quick, commit=True)
    async with store.begin() as later:
        await register(later, commit=False)
        assert await feed_types(store) == ONE


async def test_a_page_can_end_inside_a_transaction(store: PostgresStore) -> None:
    async with session(store=store) as app:
        aline = await app.execute(builders.person())
        for number in range(5):
            await app.execute(builders.deposit(aline.wallets[0].id, "10"), key=str(number))
        whole = (await app.events.list(PageRequest(200))).items
        for limit in range(1, 8):
            seen, cursor = [], None
            while True:
                page = await app.events.list(PageRequest(limit, cursor))
                seen += page.items
                cursor = page.next_cursor
                if cursor is None:
                    break
                assert len(page.items) == limit
            assert tuple(seen) == whole
        assert len(whole) == 4 + 5 * 3
        assert [finding async for finding in app.audit() if not finding.ok] == []


async def test_a_webhook_gets_what_ends_after_its_activation_and_nothing_that_ended_before(
    store: PostgresStore,
) -> None:
    """Though the one came to a position before the other: units of work end in any order."""
    async with store.begin() as slow:
        await register(slow, commit=False)
        async with store.begin() as quick:
            await register(quick, commit=True)
        endpoint = await create(store)
        assert await queued_for(store, endpoint) == []
        await slow._transaction.commit()
        slow._transaction = None
    await queue_events(store)
    found = (await store.webhook_deliveries.list(ME, endpoint.id, PageRequest())).items
    slow_one, quick_one = (await store.events(LOCAL_OPERATOR).list(PageRequest(200))).items[2:6:2]
    assert sorted(one.event_type for one in found) == ONE
    assert event_id(slow_one.event) in {one.event_id for one in found}
    assert event_id(quick_one.event) not in {one.event_id for one in found}
