"""Customers' personal data in PostgreSQL: encrypted, found by blind indexes, and not needed to move money."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tekana import LOCAL_OPERATOR
from tekana.application import Session
from tekana.application.commands.customers import RegisterCustomer, SuspendCustomer, UpdateCustomer
from tekana.application.commands.wallets import FreezeWallet
from tekana.application.secrets.encryption import DamagedText
from tekana.domain.caller import customer_caller
from tekana.domain.errors import CustomerExists, KeyUnavailable
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PageRequest
from tekana.testing import builders
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet
from tekana_keyfile import MemoryKeys
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture
from tests.postgres_stores import postgres_store

CANARIES = ("Canary Name", "canary@example.com", "+250788999123", "crm-canary", "canary metadata", "a canary reason")


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
async def app(postgres_url: str, keys: MemoryKeys) -> AsyncIterator[Session]:
    """Run a process."""
    async with process(postgres_url, keys) as session:
        yield session


@asynccontextmanager
async def process(url: str, keys: MemoryKeys) -> AsyncIterator[Session]:
    """Run a process of its own, which has no data key in memory yet."""
    store = postgres_store(url, key_provider=lambda: keys)
    async with at_work(store) as session:
        yield session
    await store.stop()


def canary() -> RegisterCustomer:
    name, email, phone_number, external_id, mark, _ = CANARIES
    return RegisterCustomer(
        full_name=name, email=email, phone_number=phone_number, external_id=external_id, metadata={"mark": mark}
    )


async def tables(url: str) -> str:
    async with superuser(url) as connection:
        return str(await fixture.rows_of_all_tables(connection))


async def test_no_table_has_readable_personal_data(app: Session, postgres_url: str) -> None:
    registered = await app.execute(canary(), key="registration")
    customer_id = registered.customer.id
    await app.execute(SuspendCustomer(customer_id=customer_id, reason=CANARIES[-1]), key="suspension")
    with pytest.raises(CustomerExists):
        await app.execute(canary(), key="again")
    await app.execute(UpdateCustomer(customer_id=customer_id, full_name="Another Canary"), key="update")
    found = await tables(postgres_url)
    assert str(customer_id) in found
    assert [one for one in (*CANARIES, "Another Canary") if one in found] == []
    assert "canary" not in found.lower()
    # And nothing of it was lost.
    assert await app.execute(canary(), key="registration") == registered
    now = (await app.customers.get(customer_id)).customer
    assert (now.full_name, now.suspension_reason) == ("Another Canary", CANARIES[-1])
    assert (now.email, now.phone_number, now.external_id) == CANARIES[1:4]
    assert now.metadata == {"mark": CANARIES[4]}


async def test_equal_data_are_encrypted_to_different_texts(app: Session, postgres_url: str) -> None:
    for number in range(2):
        person = builders.person()
        await app.execute(
            RegisterCustomer(full_name="Same Name", email=person.email, phone_number=f"+25078899912{number}")
        )
    async with superuser(postgres_url) as connection:
        rows = await connection.fetch("SELECT key, details, email_index FROM customer_details")
    for column in range(3):
        assert len({row[column] for row in rows}) == 2


async def test_customers_are_found_by_each_contact(app: Session) -> None:
    registered = await app.execute(canary())
    await app.execute(builders.person())
    _, email, phone_number, external_id, *_ = CANARIES
    for which in (
        CustomerFilter(email=email),
        CustomerFilter(phone_number=phone_number),
        CustomerFilter(external_id=external_id),
        CustomerFilter(email=email, external_id=external_id, status="active"),
    ):
        assert [one.customer for one in (await app.customers.list(which, PageRequest())).items] == [registered.customer]
    # The value of one contact is not found as another one.
    assert (await app.customers.list(CustomerFilter(external_id=email), PageRequest())).items == ()


async def test_without_the_key_provider_money_goes_on(postgres_url: str, keys: MemoryKeys) -> None:
    async with process(postgres_url, keys) as app:
        known = await app.execute(canary(), key="registration")
        payer, payee = await a_wallet(app, "1000"), await a_wallet(app, "1")
        frozen = await app.execute(FreezeWallet(wallet_id=payee.id, scope="debits", reason="a test"), key="freeze")
    keys.lost = True
    async with process(postgres_url, keys) as app:
        transfers = [app.execute(builders.transfer(payer.id, payee.id, "1"), key=f"transfer {n}") for n in range(20)]
        others = [app.execute(builders.person(), key=f"registration {n}") for n in range(5)]
        others += [app.execute(canary(), key="registration")]
        # In one group, as all are submitted at once.
        *done, a, b, c, d, e, f = await asyncio.gather(*transfers, *others, return_exceptions=True)
        assert {type(one).__name__ for one in done} == {"Transaction"}
        assert {type(one) for one in (a, b, c, d, e, f)} == {KeyUnavailable}
        # A key that stands for an answer with personal data is refused for money, or unavailable; never an answer.
        with pytest.raises(KeyUnavailable):
            await app.execute(builders.transfer(payer.id, payee.id, "1"), key="registration")
        with pytest.raises(KeyUnavailable):
            await app.customers.get(known.customer.id)
        with pytest.raises(KeyUnavailable):
            await app.customers.list(CustomerFilter(email=CANARIES[1]), PageRequest())
        assert (await app.wallets.get(payee.id)).ledger_balance == 21
        keys.lost = False
        assert await app.execute(canary(), key="registration") == known
        assert (await app.execute(builders.person(), key="registration 0")).wallets
        freeze = FreezeWallet(wallet_id=payee.id, scope="debits", reason="a test")
        assert await app.execute(freeze, key="freeze") == frozen
        keys.lost = True  # by now the data keys are in memory
        assert (await app.customers.get(known.customer.id)).customer == known.customer


async def test_a_customer_moves_money_without_the_key_provider(postgres_url: str, keys: MemoryKeys) -> None:
    async with process(postgres_url, keys) as app:
        payer, payee = await a_wallet(app, "1000"), await a_wallet(app, "1")
        owner = payer.customer_id
    assert owner is not None
    keys.lost = True
    async with process(postgres_url, keys) as app:
        customer = app.as_caller(customer_caller(LOCAL_OPERATOR.tenant, owner))
        sent = await customer.execute(builders.transfer(payer.id, payee.id, "1"))
        assert [entry.wallet_id for entry in sent.entries] == [payer.id]


@pytest.mark.parametrize("columns", ["details, version", "key, details"])
async def test_the_data_of_another_customer_are_not_decrypted(app: Session, postgres_url: str, columns: str) -> None:
    one = (await app.execute(builders.person())).customer.id
    other = (await app.execute(builders.person())).customer.id
    async with superuser(postgres_url) as connection:
        copy = f"({columns}) = (SELECT {columns} FROM customer_details WHERE id = $1)"
        await connection.execute(f"UPDATE customer_details SET {copy} WHERE id = $2", one, other)
    with pytest.raises(DamagedText, match=str(other)):
        await app.customers.get(other)
    assert (await app.customers.get(one)).customer.full_name


async def test_the_unique_index_decides_a_race(app: Session, postgres_url: str, keys: MemoryKeys) -> None:
    async with process(postgres_url, keys) as other:
        sessions = [app, other] * 5
        results = await asyncio.gather(*(one.execute(canary()) for one in sessions), return_exceptions=True)
    assert sum(isinstance(one, CustomerExists) for one in results) == 9
    async with superuser(postgres_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM customer_details") == 1
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "INSERT INTO customer_details (id, email_index, closed, version)"
                " SELECT gen_random_uuid(), email_index, false, 1 FROM customer_details"
            )
