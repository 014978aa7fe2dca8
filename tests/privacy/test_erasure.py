"""Erasure of a customer in PostgreSQL, where the key is destroyed; and the retention period, on both stores.

What is gone and what stays is in the contract of stores: `tekana.testing.contracts.erasure`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana.application import PostingEngine, Session, Tekana
from tekana.domain.answers import ErasedCustomer
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import CustomerNotErasable
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.erasure import CANARY, close_canary
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tekana_postgres.aggregates import customer as customer_rows
from tests.integration.http_support import both_stores
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture
from tests.postgres_stores import postgres_store

store_url = both_stores

YEAR = timedelta(days=365)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def store(store_url: str, clock: FrozenClock) -> AsyncIterator[Store]:
    made: Store = MemoryStore(clock=clock) if store_url == "memory://" else postgres_store(store_url, clock=clock)
    yield made
    await assert_whole(made)
    await made.stop()


@asynccontextmanager
async def working(store: Store, keep_customers: timedelta = timedelta(0)) -> AsyncIterator[Session]:
    engine = PostingEngine(
        store.begin,
        uuid7,
        default_currency=builders.RWF,
        new_secret=builders.readable_secret,
        keep_customers=keep_customers,
    )
    engine.start()
    yield Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    await engine.stop()


async def test_the_key_is_destroyed(postgres_url: str) -> None:
    store = postgres_store(postgres_url)
    async with working(store) as app:
        customer, _ = await close_canary(app)
        await app.execute(tekana.EraseCustomer(customer_id=customer.id))
    await store.stop()
    async with superuser(postgres_url) as connection:
        query = "SELECT * FROM customer_details WHERE id = $1"
        row = dict(await connection.fetchrow(query, customer.id))
        tables = str(await fixture.rows_of_all_tables(connection)).lower()
        answers = await connection.fetchval("SELECT count(*) FROM customer_answers WHERE customer_id = $1", customer.id)
    assert {name for name, value in row.items() if value is not None} == {"id", "closed", "version", "tenant"}
    assert answers  # they stay, as their key is gone
    assert "canary" not in tables


async def test_erasures_and_other_commands_at_once(postgres_url: str) -> None:
    """Two processes: the data are erased once, and nothing brings them back."""
    one, other = (postgres_store(postgres_url) for _ in range(2))
    async with working(one) as app, working(other) as second:
        closed, [wallet] = await close_canary(app)
        commands = [
            tekana.EraseCustomer(customer_id=closed.id),
            tekana.UpdateCustomer(customer_id=closed.id, full_name="Canary Again"),
            tekana.UpdateWallet(wallet_id=wallet.id, name="Canary again"),
            tekana.CloseCustomer(customer_id=closed.id),
        ]
        asked = [session.execute(command) for _ in range(5) for command in commands for session in (app, second)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        kinds = {type(one).__name__ for one in answers}
        assert kinds == {"ErasedCustomer", "CustomerNotActive", "WalletNotActive", "CustomerWithWallets"}
        assert len({one for one in answers if isinstance(one, ErasedCustomer)}) == 1
        events = (await app.events.list(PageRequest(200))).items
        assert [one.event.NAME for one in events].count("CustomerErased") == 1
        await assert_whole(one)
    async with superuser(postgres_url) as connection:
        assert "canary" not in str(await fixture.rows_of_all_tables(connection)).lower()
    await one.stop()
    await other.stop()


async def test_a_key_that_is_not_destroyed_is_found(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: the row of details stays as it is, but for its version."""
    monkeypatch.setattr(customer_rows, "_ERASE_DETAILS", "UPDATE customer_details SET version = $2 WHERE id = $1")
    store = postgres_store(postgres_url)
    async with working(store) as app:
        customer, _ = await close_canary(app)
        await app.execute(tekana.EraseCustomer(customer_id=customer.id))
        [broken] = [one async for one in app.audit() if not one.ok]
        assert broken.invariant.number == 20
        assert broken.breaches == (f"customer {customer.id}: has details, and was erased",)
        assert (await app.execute(CANARY, key="registration")).customer.full_name == CANARY.full_name
    await store.stop()


async def test_the_retention_period_begins_with_the_closing(store: Store, clock: FrozenClock) -> None:
    async with working(store, YEAR) as app:
        customer, _ = await app.execute(CANARY)
        clock.advance(YEAR)
        await app.execute(tekana.CloseCustomer(customer_id=customer.id))
        erase = tekana.EraseCustomer(customer_id=customer.id)
        until = f"{clock() + YEAR:%Y-%m-%d}"
        for pause in (timedelta(0), YEAR - timedelta(seconds=1)):
            clock.advance(pause)
            with pytest.raises(CustomerNotErasable, match=f"kept until {until}"):
                await app.execute(erase)
        clock.advance(timedelta(seconds=1))
        assert (await app.execute(erase)).id == customer.id
