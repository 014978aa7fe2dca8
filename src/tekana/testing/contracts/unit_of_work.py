"""The unit of work: atomic and isolated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from tekana.application import Command, Session
from tekana.application.engine.decide import fingerprint
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact
from tekana.domain.errors import InsufficientFunds
from tekana.domain.identifiers import HOUSE_ROLES, CustomerId, WalletId, house_wallet_id
from tekana.domain.lock_set import LockSet
from tekana.domain.money import Currency
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord, UnitOfWork
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once, book_on, by_hand
from tekana.testing.contracts.ledger_checks import customers, feed, transactions, wallets

A_WHILE = 0.2  # seconds, to check that something does not happen


class UnitOfWorkContract(Contract):
    """The contract of `tekana.ports.unit_of_work` and `Store.begin`."""

    async def test_a_unit_without_save_never_happened(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        before = await _everything(store)
        key = IdempotencyKey(MAIN_TENANT, "a partner", "unsaved")
        async with store.begin() as unit:
            await _decide_much(unit, wallet.id, key)
        assert await _everything(store) == before
        assert await _used(store, key) == {}

    async def test_an_exception_takes_everything_back(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        before = await _everything(store)
        key = IdempotencyKey(MAIN_TENANT, "a partner", "failed")
        with pytest.raises(ZeroDivisionError):
            async with store.begin() as unit:
                await _decide_much(unit, wallet.id, key)
                raise ZeroDivisionError
        assert await _everything(store) == before
        assert await _used(store, key) == {}

    async def test_cancelling_takes_everything_back(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        before = await _everything(store)
        key = IdempotencyKey(MAIN_TENANT, "a partner", "cancelled")
        locked = asyncio.Event()

        async def hold() -> None:
            async with store.begin() as unit:
                await _decide_much(unit, wallet.id, key)
                locked.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await locked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _everything(store) == before
        await by_hand(store, builders.deposit(wallet.id))  # its locks are released

    async def test_what_is_saved_stays_whatever_comes_after(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        key = IdempotencyKey(MAIN_TENANT, "a partner", "saved")
        with pytest.raises(ZeroDivisionError):
            async with store.begin() as unit:
                book, claims = await _decide_much(unit, wallet.id, key)
                await unit.save(book, claims)
                raise ZeroDivisionError
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 500 + 1000 - 300
        assert await _used(store, key) == claims

    async def test_one_save_keeps_all_of_it(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        key = IdempotencyKey(MAIN_TENANT, "a partner", "all of it")
        async with store.begin() as unit:
            book, claims = await _decide_much(unit, wallet.id, key)
            await unit.save(book, claims)
        assert await store.wallets(LOCAL_OPERATOR).get(wallet.id) == book.locked.wallets[wallet.id]
        [registered] = book.changes.added_of(CUSTOMERS).values()
        assert (await store.customers(LOCAL_OPERATOR).get(registered.id)).customer == registered
        posted, withdrawn, rejected = book.transactions
        assert [
            await store.transactions(LOCAL_OPERATOR).get(one.id) for one in (posted, withdrawn, rejected)
        ] == book.transactions
        assert await _used(store, key) == claims

    async def test_an_empty_unit_can_be_saved(self, store: Store) -> None:
        async with store.begin() as unit:
            assert dict(await unit.find_keys([])) == {}
            locked = await unit.lock(LockSet())
            assert (locked.wallets, locked.of(CUSTOMERS), locked.of(CONTACTS)) == ({}, {}, {})
            await unit.save(book_on(locked), {})
        assert await _everything(store) == ([], [], [], [])

    async def test_lock_finds_what_is_there(self, store: Store, app: Session, clock: FrozenClock) -> None:
        aline = await a_customer(app, "500", external_id="crm-1")
        await app.execute(builders.open_wallet(aline.customer.id, "USD"))
        aline = await app.customers.get(aline.customer.id)
        other = await a_wallet(app, "70")
        free = Contact("email", "unknown@example.com")
        locks = LockSet(
            wallets=(other.id, WalletId(uuid4()), house_wallet_id("settlement", RWF)),
            others=(
                *map(CUSTOMERS.ref, (aline.customer.id, CustomerId(uuid4()))),
                *map(CONTACTS.ref, (*aline.customer.contacts, free)),
            ),
        )
        async with store.begin() as unit:
            await unit.find_keys([])
            locked = await unit.lock(locks)
        assert locked.now == clock()
        assert locked.now.utcoffset() is not None
        assert locked.of(CUSTOMERS) == {aline.customer.id: aline.customer}
        settlement = await store.wallets(LOCAL_OPERATOR).get(house_wallet_id("settlement", RWF))
        expected = {
            wallet.id: wallet
            for wallet in (*aline.wallets, await store.wallets(LOCAL_OPERATOR).get(other.id), settlement)
        }
        assert locked.wallets == expected
        owner = {MAIN_TENANT: aline.customer.id}
        assert locked.of(CONTACTS) == dict.fromkeys(aline.customer.contacts, owner)

    async def test_a_lock_keeps_others_out(self, stores: Sequence[Store], app: Session) -> None:
        wallet = await a_wallet(app, "500")
        async with stores[0].begin() as unit:
            await unit.find_keys([])
            book = book_on(await unit.lock(LockSet(wallets=(wallet.id, house_wallet_id("settlement", RWF)))))
            second = asyncio.create_task(by_hand(stores[-1], builders.withdrawal(wallet.id, "400")))
            done, _ = await asyncio.wait({second}, timeout=A_WHILE)
            assert not done, "two units had the same wallet locked"
            command = builders.withdrawal(wallet.id, "300")
            answer = command.decide(book)
            await unit.save(
                book,
                {
                    IdempotencyKey(MAIN_TENANT, "a partner", "first"): IdempotencyRecord(
                        fingerprint(command.NAME, command), answer
                    )
                },
            )
        refused, _ = await second
        assert getattr(refused, "status", None) == "rejected"
        assert (await stores[0].wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 200

    async def test_a_locked_customer_keeps_others_out(self, stores: Sequence[Store], app: Session) -> None:
        aline = (await a_customer(app)).customer
        async with stores[0].begin() as unit:
            await unit.find_keys([])
            await unit.lock(LockSet(others=(CUSTOMERS.ref(aline.id),)))
            second = asyncio.create_task(by_hand(stores[-1], builders.open_wallet(aline.id, "USD")))
            done, _ = await asyncio.wait({second}, timeout=A_WHILE)
            assert not done, "two units had the same customer locked"
        await second
        assert [one.currency for one in (await app.customers.get(aline.id)).wallets] == ["RWF", "USD"]

    async def test_a_locked_customer_brings_their_wallets(self, stores: Sequence[Store], app: Session) -> None:
        aline = await a_customer(app, "500")
        async with stores[0].begin() as unit:
            await unit.find_keys([])
            await unit.lock(LockSet(others=(CUSTOMERS.ref(aline.customer.id),)))
            second = asyncio.create_task(by_hand(stores[-1], builders.withdrawal(aline.wallets[0].id, "400")))
            done, _ = await asyncio.wait({second}, timeout=A_WHILE)
            assert not done, "a customer was locked, but not their wallet"
        await second

    async def test_parallel_changes_of_one_wallet_lose_nothing(self, stores: Sequence[Store], app: Session) -> None:
        wallet = await a_wallet(app)
        await all_at_once(by_hand(stores[n % len(stores)], builders.deposit(wallet.id, "10")) for n in range(40))
        after = await store_wallet(stores, wallet.id)
        assert (after.ledger_balance, after.version) == (400, 40)

    async def test_locks_in_opposite_order_do_not_deadlock(self, stores: Sequence[Store], app: Session) -> None:
        one, two = await a_wallet(app, "1000"), await a_wallet(app, "1000")
        pairs = [(one.id, two.id), (two.id, one.id)] * 20
        await all_at_once(
            by_hand(stores[n % len(stores)], builders.transfer(*pair, "10")) for n, pair in enumerate(pairs)
        )
        assert [(await store_wallet(stores, wallet.id)).ledger_balance for wallet in (one, two)] == [1000, 1000]

    async def test_customers_and_wallets_do_not_deadlock(self, stores: Sequence[Store], app: Session) -> None:
        aline, bosco = await a_customer(app, "1000"), await a_customer(app, "1000")
        between = (aline.wallets[0].id, bosco.wallets[0].id)
        work: list[Command[Any]] = [
            *(builders.open_wallet(one.customer.id, "USD") for one in (aline, bosco) for _ in range(8)),
            *(builders.transfer(*pair, "10") for pair in (between, between[::-1]) for _ in range(8)),
        ]
        await all_at_once(by_hand(stores[n % len(stores)], command) for n, command in enumerate(work))
        assert [len((await app.customers.get(one.customer.id)).wallets) for one in (aline, bosco)] == [9, 9]

    async def test_further_locks_are_taken_in_the_one_order(self, stores: Sequence[Store], app: Session) -> None:
        """One unit goes on from a wallet to its customer, while another goes from the customer to the wallet."""
        [wallet], customer = (aline := await a_customer(app)).wallets, CUSTOMERS.ref(aline.customer.id)

        async def from_customer_to_wallet() -> None:
            async with stores[-1].begin() as unit:
                await unit.lock(LockSet(others=(customer,)))

        async with stores[0].begin() as unit:
            await unit.lock(LockSet((wallet.id,)))
            other = asyncio.create_task(from_customer_to_wallet())
            await asyncio.sleep(0.1)  # it has the customer, and waits for the wallet
            locked = await unit.lock(LockSet((wallet.id,), others=(customer,)))
            assert locked.wallets.keys() == {wallet.id}
            assert locked.of(CUSTOMERS).keys() == {aline.customer.id}
        await other

    async def test_house_wallets_come_with_the_first_wallet(self, crew: Sequence[Session], store: Store) -> None:
        people = [builders.person(currency="KWD") for _ in range(16)]
        await all_at_once(crew[number % len(crew)].execute(one) for number, one in enumerate(people))
        house = [wallet for wallet in await wallets(store) if wallet.house is not None]
        assert {wallet.id: wallet.house for wallet in house} == {
            house_wallet_id(role, Currency("KWD")): role for role in HOUSE_ROLES
        }
        assert len(house) == len(HOUSE_ROLES)
        assert {(one.currency, one.customer_id, one.status, one.ledger_balance) for one in house} == {
            ("KWD", None, "active", 0)
        }


async def store_wallet(stores: Sequence[Store], wallet_id: WalletId) -> Wallet:
    """Return the wallet, which must be equal in all stores."""
    shown = [await store.wallets(LOCAL_OPERATOR).get(wallet_id) for store in stores]
    assert all(one == shown[0] for one in shown)
    return shown[0]


async def _decide_much(
    unit: UnitOfWork, wallet_id: WalletId, key: IdempotencyKey
) -> tuple[Book, dict[IdempotencyKey, IdempotencyRecord]]:
    """Register changes of every kind on a Book."""
    person = builders.person()
    commands: list[Command[Any]] = [
        builders.deposit(wallet_id, "1000"),
        builders.withdrawal(wallet_id, "300"),
        person,
        builders.freeze(wallet_id),
    ]
    keys = [IdempotencyKey(key.tenant, key.subject, f"{key.key} {number}") for number in range(len(commands))]
    assert dict(await unit.find_keys([key, *keys])) == {}
    touched = LockSet(wallets=(wallet_id, house_wallet_id("settlement", RWF)), others=person.locks().others)
    book = book_on(await unit.lock(touched))
    claims = {
        one: IdempotencyRecord(fingerprint(command.NAME, command), command.decide(book))
        for one, command in zip(keys, commands, strict=True)
    }
    refused = builders.withdrawal(wallet_id, "1000000")
    rejection = book.reject(refused.to_request(book), InsufficientFunds("not that much"))
    return book, {**claims, key: IdempotencyRecord(fingerprint(refused.NAME, refused), rejection)}


async def _everything(store: Store) -> tuple[list[object], ...]:
    shown = (await customers(store), await wallets(store), await transactions(store), await feed(store))
    return tuple(list(part) for part in shown)


async def _used(store: Store, key: IdempotencyKey) -> dict[IdempotencyKey, IdempotencyRecord]:
    async with store.begin() as unit:
        keys = [key, *(IdempotencyKey(key.tenant, key.subject, f"{key.key} {number}") for number in range(4))]
        return dict(await unit.find_keys(keys))
