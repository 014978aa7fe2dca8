"""The feed waits for a position that may still be filled, and no longer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from uuid_utils.compat import uuid7

from tekana.application.engine.decide import fingerprint
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT
from tekana.domain.money import Currency
from tekana.ports.page import PageRequest
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord, UnitOfWork
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres import PostgresStore


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store whose first customer is there: with them came the house wallets, which nobody has to wait for now."""
    store = PostgresStore(postgres_url)
    async with store.begin() as first:
        await register(first, commit=True)
    yield store
    await store.stop()


async def register(unit: UnitOfWork, *, commit: bool) -> None:
    """Do all that registering a customer does, up to the end, or short of it."""
    command = builders.person()
    book = Book(await unit.lock(command.locks()), uuid7, Currency("RWF"), LOCAL_OPERATOR)
    answer = command.decide(book)
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


class _NeverCommits:
    async def commit(self) -> None:
        """Everything is written, and the end is still to come."""


async def fed(store: PostgresStore) -> list[str]:
    """The names of all events but the first customer's."""
    page = await store.events(LOCAL_OPERATOR).list(PageRequest(200))
    return [type(one.event).__name__ for one in page.items[2:]]


ONE = ["CustomerRegistered", "WalletOpened"]


async def test_what_came_later_waits_for_what_may_still_come_before_it(store: PostgresStore) -> None:
    async with store.begin() as slow:
        await register(slow, commit=False)
        async with store.begin() as quick:
            await register(quick, commit=True)
        assert await fed(store) == []  # positions 3 and 4 are on their way: whoever read 5 and 6 would lose them
        await slow._connection.execute("COMMIT")
        slow.saved = True
        assert await fed(store) == ONE + ONE


async def test_what_never_comes_is_not_waited_for(store: PostgresStore) -> None:
    async with store.begin() as failing:
        await register(failing, commit=False)
        async with store.begin() as quick:
            await register(quick, commit=True)
        assert await fed(store) == []
        failing.saved = False  # left without its end: rolled back
    assert await fed(store) == ONE


async def test_a_unit_that_began_later_holds_up_nothing(store: PostgresStore) -> None:
    async with store.begin() as failing:
        await register(failing, commit=False)
        failing.saved = False
    async with store.begin() as quick:
        await register(quick, commit=True)
    async with store.begin() as later:
        await register(later, commit=False)
        assert await fed(store) == ONE
        later.saved = False


async def test_a_page_may_end_within_a_transaction(store: PostgresStore) -> None:
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
