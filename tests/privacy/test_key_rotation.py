"""Rotation of the data key that encrypts customers' keys, and of the master key, with customers present."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tekana.application import EraseCustomer, Session, UpdateCustomer
from tekana.application.commands.customers import CloseCustomer
from tekana.application.secrets import data_keys
from tekana.application.secrets.encryption import key_id_of
from tekana.application.secrets.master_key_rotation import rotate_master_key
from tekana.domain.errors import Unavailable
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PageRequest
from tekana.testing import builders
from tekana.testing.contracts.erasure import CANARY
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_keyfile import MemoryKeys
from tekana_postgres import PostgresStore, customer_data, customer_key_rotation
from tekana_postgres.aggregates import customer as customer_rows
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_keys, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(customer_key_rotation, "REFRESH_SECONDS", 0.05)


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@asynccontextmanager
async def process(url: str, keys: MemoryKeys) -> AsyncIterator[tuple[PostgresStore, Session]]:
    store = postgres_store(url, key_provider=lambda: keys)
    async with at_work(store) as app:
        yield store, app
    await store.stop()


async def key_ids(url: str) -> set[object]:
    async with superuser(url) as connection:
        rows = await connection.fetch("SELECT key FROM customer_details WHERE key IS NOT NULL")
    return {key_id_of(row["key"]) for row in rows}


async def test_a_rotation_while_processes_go_on(
    postgres_url: str, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_key_rotation, "_PAGE", customer_key_rotation._PAGE.replace("LIMIT 1000", "LIMIT 2"))
    lines: list[str] = []
    async with process(postgres_url, keys) as (_, app), process(postgres_url, keys) as (rotating, _):
        canary = (await app.execute(CANARY, key="registration")).customer
        others = [(await app.execute(builders.person())).customer for _ in range(4)]
        await app.execute(CloseCustomer(customer_id=others[0].id))
        await app.execute(EraseCustomer(customer_id=others[0].id))
        [before] = await key_ids(postgres_url)
        assert await rotating.rotate_customer_keys(lines.append) == 4
        [after] = await key_ids(postgres_url)
        assert after != before
        assert lines == ["4 keys of customers"]
        await app.execute(UpdateCustomer(customer_id=canary.id, full_name="Another Name"))
        await app.execute(builders.person())  # by a process that was there before
        assert await key_ids(postgres_url) == {after}
        assert (await app.execute(CANARY, key="registration")).customer == canary
    async with process(postgres_url, keys) as (store, app):
        [found] = (await app.customers.list(CustomerFilter(phone_number=CANARY.phone_number), PageRequest())).items
        assert (found.customer.id, found.customer.full_name) == (canary.id, "Another Name")
        assert (await app.execute(CANARY, key="registration")).customer == canary
        await assert_whole(store)


async def test_rotations_and_registrations_at_once(postgres_url: str, keys: MemoryKeys) -> None:
    async with process(postgres_url, keys) as (one, app), process(postgres_url, keys) as (other, second):
        known = (await app.execute(CANARY, key="registration")).customer
        registering = [session.execute(builders.person()) for session in (app, second) for _ in range(10)]
        await asyncio.gather(one.rotate_customer_keys(print), other.rotate_customer_keys(print), *registering)
        assert len((await app.customers.list(CustomerFilter(), PageRequest(50))).items) == 21
    async with process(postgres_url, keys) as (store, app):
        assert len((await app.customers.list(CustomerFilter(), PageRequest(50))).items) == 21
        assert (await app.execute(CANARY, key="registration")).customer == known
        await store.rotate_customer_keys(print)
        [current] = [
            one for one in await store.data_keys.list() if (one.purpose, one.retired_at) == ("customers", None)
        ]
        assert await key_ids(postgres_url) == {current.id}
        await assert_whole(store)


async def test_an_update_at_the_same_time_keeps_the_new_key(
    postgres_url: str, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation runs as a whole after the update has read the customer's key, and before it saves."""
    async with process(postgres_url, keys) as (_, app), process(postgres_url, keys) as (rotating, _):
        customer = (await app.execute(CANARY)).customer
        [before] = await key_ids(postgres_url)

        async def read_and_rotate(*arguments: object) -> object:
            found = await customer_data.customer_keys(*arguments)  # type: ignore[arg-type]
            await rotating.rotate_customer_keys(print)
            return found

        monkeypatch.setattr(customer_rows, "customer_keys", read_and_rotate)
        await app.execute(UpdateCustomer(customer_id=customer.id, full_name="Another Name"))
        [after] = await key_ids(postgres_url)
        assert after != before
        assert (await app.customers.get(customer.id)).customer.full_name == "Another Name"


async def test_an_interrupted_rotation_is_completed(
    postgres_url: str, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_key_rotation, "_PAGE", customer_key_rotation._PAGE.replace("LIMIT 1000", "LIMIT 2"))
    pages = customer_key_rotation._pages
    async with process(postgres_url, keys) as (store, app):
        for _ in range(5):
            await app.execute(builders.person())
        begun = []

        async def interrupted(pool: object) -> AsyncIterator[object]:
            begun.append(pool)
            async for rows in pages(pool):  # type: ignore[arg-type]
                yield rows
                if len(begun) == 2:  # while keys are encrypted
                    raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(customer_key_rotation, "_pages", interrupted)
            with pytest.raises(KeyboardInterrupt):
                await store.rotate_customer_keys(print)
        assert len(await key_ids(postgres_url)) == 2
        assert len((await app.customers.list(CustomerFilter(), PageRequest())).items) == 5
        assert await store.rotate_customer_keys(print) == 3
        assert len(await key_ids(postgres_url)) == 1
        assert len([one for one in await store.data_keys.list() if one.purpose == "customers"]) == 2
        await assert_whole(store)


async def test_a_lost_key_provider_during_a_rotation_changes_nothing(postgres_url: str, keys: MemoryKeys) -> None:
    async with process(postgres_url, keys) as (store, app):
        customer = (await app.execute(builders.person())).customer
        before = await key_ids(postgres_url)
        keys.lost = True
        with pytest.raises(Unavailable):
            await store.rotate_customer_keys(print)
        assert await key_ids(postgres_url) == before
        assert (await app.customers.get(customer.id)).customer == customer


async def test_the_master_key_is_rotated_with_customers_present(postgres_url: str, keys: MemoryKeys) -> None:
    async with process(postgres_url, keys) as (store, app):
        customer = (await app.execute(CANARY)).customer
        rotation = await rotate_master_key(keys, store.data_keys)
        assert rotation.wrapped == len(await store.data_keys.list())
        await app.execute(builders.person())
    async with process(postgres_url, keys) as (_, app):
        [found] = (await app.customers.list(CustomerFilter(email=CANARY.email), PageRequest())).items
        assert found.customer == customer
