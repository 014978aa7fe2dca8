"""Erasure of a customer: the key is destroyed, the ledger stays whole, and the retention period is honoured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana.application import PostingEngine, Session, Tekana
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import CustomerNotErasable, CustomerNotFound
from tekana.domain.events import CustomerErased
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana_memory import MemoryStore
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture
from tests.postgres_stores import postgres_store

YEAR = timedelta(days=365)
CANARY = tekana.RegisterCustomer(
    full_name="Canary Name",
    email="canary@example.com",
    phone_number="+250788999123",
    external_id="crm-canary",
    metadata={"mark": "canary metadata"},
)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(store_url: str, clock: FrozenClock) -> AsyncIterator[Store]:
    made: Store = MemoryStore(clock=clock) if store_url == "memory://" else postgres_store(store_url, clock=clock)
    yield made
    await assert_whole(made)
    await made.stop()


@asynccontextmanager
async def working(store: Store, keep_customers: timedelta) -> AsyncIterator[Session]:
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


@pytest.fixture
async def app(store: Store) -> AsyncIterator[Session]:
    async with working(store, timedelta(0)) as session:
        yield session


async def closed_customer(app: Session) -> tekana.CustomerWithWallets:
    """Register a customer who pays 5 RWF to another one, with free text everywhere, and close them."""
    customer, [wallet] = await app.execute(CANARY, key="registration")
    await app.execute(
        tekana.UpdateWallet(wallet_id=wallet.id, name="Canary wallet", metadata={"canary": "1"}), key="name"
    )
    await app.execute(tekana.SuspendCustomer(customer_id=customer.id, reason="a canary reason"), key="suspension")
    await app.execute(tekana.ReactivateCustomer(customer_id=customer.id))
    other = (await app.execute(builders.person())).wallets[0]
    await app.execute(builders.deposit(wallet.id, "5"))
    await app.execute(builders.transfer(wallet.id, other.id, "5"))
    return await app.execute(tekana.CloseCustomer(customer_id=customer.id), key="closing")


async def test_nothing_personal_is_left(app: Session, store: Store, clock: FrozenClock) -> None:
    closed, [wallet] = await closed_customer(app)
    entries = (await app.wallets.entries(wallet.id, page=PageRequest())).items
    at = clock.advance()
    erase = tekana.EraseCustomer(customer_id=closed.id)
    assert await app.execute(erase, key="erasure") == (closed.id, at)
    now, [kept] = await app.customers.get(closed.id)
    assert (now.full_name, now.email, now.phone_number, now.country) == ("", "", "", None)
    assert (now.external_id, now.metadata, now.suspension_reason) == (None, None, None)
    assert (now.status, now.version, now.erased_at) == ("closed", closed.version + 1, at)
    assert (kept.name, kept.metadata) == (None, None)
    for which in (
        CustomerFilter(email=CANARY.email),
        CustomerFilter(external_id="crm-canary"),
        CustomerFilter(email=""),
    ):
        assert (await app.customers.list(which, PageRequest())).items == ()
    # The ledger is whole.
    assert (await app.wallets.entries(wallet.id, page=PageRequest())).items == entries
    [event] = [one.event for one in await every(app.events.list) if isinstance(one.event, CustomerErased)]
    assert (event.customer_id, event.sequence, event.occurred_at) == (closed.id, now.version, at)
    # Its answer is the same again, and those with personal data are gone.
    clock.advance()
    assert await app.submit(erase, key="erasure") == ((closed.id, at), True)
    assert await app.execute(erase) == (closed.id, at)
    assert (await app.customers.get(closed.id)).customer.version == now.version
    for command, key in (
        (CANARY, "registration"),
        (tekana.CloseCustomer(customer_id=closed.id), "closing"),
        (tekana.SuspendCustomer(customer_id=closed.id, reason="a canary reason"), "suspension"),
    ):
        with pytest.raises(CustomerNotFound, match="erased"):
            await app.execute(command, key=key)
        assert (await app.outcomes.get(key)).resource_id is None


async def test_the_key_is_destroyed(postgres_url: str) -> None:
    store = postgres_store(postgres_url)
    async with working(store, timedelta(0)) as app:
        customer, _ = await closed_customer(app)
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


async def test_only_closed_customers_are_erased(app: Session) -> None:
    customer, _ = await app.execute(CANARY)
    erase = tekana.EraseCustomer(customer_id=customer.id)
    with pytest.raises(CustomerNotErasable, match="active: close them first"):
        await app.execute(erase)
    await app.execute(tekana.SuspendCustomer(customer_id=customer.id, reason="a review"))
    with pytest.raises(CustomerNotErasable, match="suspended: close them first"):
        await app.execute(erase)
    with pytest.raises(CustomerNotFound):
        await app.execute(tekana.EraseCustomer(customer_id=tekana.CustomerId(uuid7())))
    assert (await app.customers.get(customer.id)).customer.full_name == CANARY.full_name


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


async def test_the_contacts_of_an_erased_customer_are_free(app: Session) -> None:
    for _ in range(2):
        customer, _ = await app.execute(CANARY)
        await app.execute(tekana.CloseCustomer(customer_id=customer.id))
        await app.execute(tekana.EraseCustomer(customer_id=customer.id))
    assert (await app.execute(CANARY)).customer.id != customer.id


async def test_who_may_erase(app: Session) -> None:
    customer, _ = await app.execute(CANARY)
    erase = tekana.EraseCustomer(customer_id=customer.id)
    for caller in (builders.partner(), tekana.Caller("main", "x", tekana.ROLES["support"], "operator")):
        with pytest.raises(tekana.Forbidden):
            await app.as_caller(caller).execute(erase)
    elsewhere = tekana.Caller("another tenant", "x", frozenset({"customers:erase"}))
    with pytest.raises(CustomerNotFound):
        await app.as_caller(elsewhere).execute(erase)
