"""A ledger of release 0.1: its customers are encrypted while that release goes on, and can be interrupted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

import tekana
from tekana.domain.errors import KeyUnavailable
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PageRequest
from tekana.testing.contracts.fixtures import at_work
from tekana_keyfile import MemoryKeys
from tekana_postgres import customer_migration
from tekana_postgres.migrator import migrate
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture
from tests.postgres_stores import postgres_store

_OPEN = "SELECT id, email, phone_number FROM customers WHERE status = 'active' ORDER BY id"


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
async def released_url(empty_postgres_url: str) -> AsyncIterator[str]:
    """Yield the URL of a database with the ledger of release 0.1."""
    async with superuser(empty_postgres_url) as connection:
        await fixture.load(connection, fixture.read_text(fixture.LEDGER))
    yield empty_postgres_url
    async with superuser(empty_postgres_url) as connection:
        await connection.execute(fixture.DROP_ROLE)


async def fetch(url: str, query: str) -> list[tuple[object, ...]]:
    async with superuser(url) as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def found(url: str, keys: MemoryKeys, email: str) -> list[str]:
    """Return the ids of the customers with an email."""
    store = postgres_store(url, key_provider=lambda: keys)
    async with at_work(store) as app:
        page = await app.customers.list(CustomerFilter(email=email), PageRequest())
    await store.stop()
    return [str(one.customer.id) for one in page.items]


async def test_without_the_key_provider_nothing_is_dropped(released_url: str, keys: MemoryKeys) -> None:
    before = await fetch(released_url, _OPEN)
    keys.lost = True
    store = postgres_store(released_url, key_provider=lambda: keys)
    with pytest.raises(KeyUnavailable):
        await store.migrate()
    with pytest.raises(KeyUnavailable):
        await migrate(released_url)
    with pytest.raises(RuntimeError, match="customers are not encrypted yet: run tekana migrate"):
        await migrate(released_url, "0020")
    assert await fetch(released_url, _OPEN) == before
    keys.lost = False
    assert (await store.migrate())[0] == "up 0020"
    assert await store.migrate() == []
    async with at_work(store) as app:
        for customer_id, email, phone_number in before:
            customer = (await app.customers.get(tekana.CustomerId(customer_id))).customer  # type: ignore[arg-type]
            assert (customer.email, customer.phone_number) == (email, phone_number)
    assert [finding async for finding in store.audit() if not finding.ok] == []
    await store.stop()


async def test_it_continues_after_an_interruption(
    released_url: str, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(self: object, count: int) -> None:
        raise Killed

    store = postgres_store(released_url, key_provider=lambda: keys)
    with monkeypatch.context() as patch:
        patch.setattr(customer_migration.Progress, "add", kill)
        with pytest.raises(Killed):
            await store.migrate()
    [[encrypted]] = await fetch(released_url, "SELECT count(*) FROM customer_details")
    assert encrypted
    [[answers]] = await fetch(released_url, "SELECT count(*) FROM customer_answers WHERE encrypted IS NOT NULL")
    assert not answers
    assert (await store.migrate())[0] == "up 0020"
    assert [finding async for finding in store.audit() if not finding.ok] == []
    await store.stop()


async def test_what_release_0_1_changes_meanwhile_is_encrypted_again(
    released_url: str, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two customers swap their emails, and one is registered, after the first pass."""
    [one, other, *_] = await fetch(released_url, _OPEN)
    swap = f"""
    UPDATE customers SET email = 'between@example.com', version = version + 1 WHERE id = '{one[0]}';
    UPDATE customers SET email = '{one[1]}', version = version + 1 WHERE id = '{other[0]}';
    UPDATE customers SET email = '{other[1]}' WHERE id = '{one[0]}';
    INSERT INTO customers (id, full_name, email, phone_number, status, version, created_by, created_at, updated_at)
    VALUES ('01a00000-0000-7000-8000-000000000001', 'New', 'new@example.com', '+250788111222', 'active', 1, 'x', now(),
        now())
    """
    count = f"SELECT count(*) FROM customer_answers WHERE customer_id IN ('{one[0]}', '{other[0]}')"
    encrypt, passes = customer_migration.encrypt_customers, 0

    async def encrypt_and_swap(*arguments: object) -> None:
        nonlocal passes
        await encrypt(*arguments)  # type: ignore[arg-type]
        passes += 1
        if passes == 1:
            async with superuser(released_url) as connection:
                await connection.execute(swap)

    monkeypatch.setattr("tekana_postgres.migrator.encrypt_customers", encrypt_and_swap)
    store = postgres_store(released_url, key_provider=lambda: keys)
    assert "up 0020" in await store.migrate()
    await store.stop()
    assert passes == 2
    assert await found(released_url, keys, str(one[1])) == [str(other[0])]
    assert await found(released_url, keys, str(other[1])) == [str(one[0])]
    assert await found(released_url, keys, "new@example.com") == ["01a00000-0000-7000-8000-000000000001"]
    [[answers]] = await fetch(released_url, count)
    assert answers
    assert await stored_answers(released_url, keys, str(one[0]), str(other[0])) == answers


async def stored_answers(url: str, keys: MemoryKeys, *customer_ids: str) -> int:
    """Return how many answers are stored for customers, after they were decrypted."""
    store = postgres_store(url, key_provider=lambda: keys)
    async with at_work(store) as app:
        reader = app.personal_data
        pages = [await reader.answers(tekana.CustomerId(UUID(one)), PageRequest(200)) for one in customer_ids]
    await store.stop()
    return sum(len(page.items) for page in pages)


async def test_no_readable_data_stay_in_the_files(released_url: str, keys: MemoryKeys) -> None:
    """A dropped column stays in the rows until they are rewritten."""
    file = "SELECT pg_relation_filenode('customers')"
    before = await fetch(released_url, file)
    store = postgres_store(released_url, key_provider=lambda: keys)
    await store.migrate()
    await store.stop()
    assert await fetch(released_url, file) != before
