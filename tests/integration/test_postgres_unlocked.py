"""A small group is read without locks: it is saved only if no other unit of work changed its wallets meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana.application.engine.decide import fingerprint
from tekana.application.engine.unlocked_groups import COMMANDS_MAX, UnlockedGroups
from tekana.domain.answers import Answer
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import Conflict
from tekana.domain.lock_set import LockSet, merge
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet, all_at_once, book_on
from tekana.testing.session import session
from tekana_postgres import PostgresStore
from tekana_postgres.unit_of_work import PostgresUnitOfWork
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store

KEY = IdempotencyKey("main", "test", "unlocked")

Change = Callable[[tekana.Wallet], tekana.Command[Answer]]


@pytest.fixture
async def app(postgres_url: str) -> AsyncIterator[tekana.Session]:
    async with session(postgres_url) as app:
        yield app
        assert [finding async for finding in app.audit() if not finding.ok] == []


@pytest.fixture
async def store(postgres_url: str, app: tekana.Session) -> AsyncIterator[PostgresStore]:
    store = postgres_store(postgres_url)
    yield store
    await store.stop()


async def _save_after(
    store: PostgresStore, command: tekana.TransferFunds, change: Callable[[], object], key: IdempotencyKey = KEY
) -> None:
    """Read without locks, have something else done, and save."""
    async with store.begin() as unit:
        read = await unit.read_unlocked({key}, merge([command.locks()], 0))
        assert read.known == {}
        book = book_on(read.state)
        answer = command.decide(book)
        done = change()
        if asyncio.iscoroutine(done):
            await done
        await unit.save(book, {key: IdempotencyRecord(fingerprint(command.NAME, command), answer)})


async def test_what_was_read_without_locks_is_saved(app: tekana.Session, store: PostgresStore) -> None:
    payer, payee = await a_wallet(app, "10"), await a_wallet(app)
    await _save_after(store, builders.transfer(payer.id, payee.id, "4"), lambda: None)
    assert [(await app.wallets.get(one.id)).ledger_balance for one in (payer, payee)] == [6, 4]


@pytest.mark.parametrize(
    "change",
    [
        lambda wallet: builders.deposit(wallet.id, "1"),
        lambda wallet: builders.freeze(wallet.id),
        lambda wallet: tekana.SuspendCustomer(customer_id=wallet.customer_id, reason="lost phone"),
        lambda wallet: builders.open_wallet(wallet.customer_id, "USD"),
    ],
    ids=["money", "freeze", "suspended", "untouched"],
)
async def test_a_change_of_a_wallet_is_a_conflict(app: tekana.Session, store: PostgresStore, change: Change) -> None:
    payer, payee = await a_wallet(app, "10"), await a_wallet(app)
    transfer = builders.transfer(payer.id, payee.id, "4")
    before = (await app.wallets.get(payer.id)).ledger_balance
    untouched = isinstance(change(payee), tekana.OpenWallet)
    if untouched:  # what changes no wallet of the unit is none
        await _save_after(store, transfer, lambda: app.execute(change(payee)))
        return
    with pytest.raises(Conflict):
        await _save_after(store, transfer, lambda: app.execute(change(payee)))
    assert (await app.wallets.get(payer.id)).ledger_balance == before
    async with store.begin() as unit:
        assert await unit.find_keys({KEY}) == {}


async def test_rows_that_were_moved_meanwhile_are_a_conflict(
    app: tekana.Session, store: PostgresStore, postgres_url: str
) -> None:
    """VACUUM FULL moves another row of the same writer to where each wallet was read."""
    ids = [(await a_wallet(app)).id for _ in range(6)]
    await app.submit_batch(builders.atomic(*(builders.deposit(one, "10") for one in ids)), key="one writer")
    async with superuser(postgres_url) as connection:
        await connection.execute("VACUUM FULL wallets")
        rows = [row["id"] for row in await connection.fetch("SELECT id FROM wallets ORDER BY ctid")]
        first = next(place for place in range(1, len(rows)) if {*rows[place : place + 3]} <= {*ids})
        await connection.execute("UPDATE wallets SET updated_at = updated_at WHERE id = $1", rows[0])
        transfer = builders.transfer(rows[first], rows[first + 1], "4")
        with pytest.raises(Conflict):
            await _save_after(store, transfer, lambda: connection.execute("VACUUM FULL wallets"))
    assert [(await app.wallets.get(one)).ledger_balance for one in ids] == [10] * 6


async def test_a_key_that_was_used_meanwhile_is_a_conflict(app: tekana.Session, store: PostgresStore) -> None:
    wallets = [await a_wallet(app, "10") for _ in range(4)]
    first = builders.transfer(wallets[0].id, wallets[1].id, "4")
    other = builders.transfer(wallets[2].id, wallets[3].id, "4")
    with pytest.raises(Conflict):
        await _save_after(store, first, lambda: _save_after(store, other, lambda: None))
    assert [(await app.wallets.get(one.id)).ledger_balance for one in wallets] == [10, 10, 6, 14]


async def test_what_takes_more_than_balances_needs_locks(app: tekana.Session, store: PostgresStore) -> None:
    wallet = await a_wallet(app)
    deposit = builders.deposit(wallet.id, "1")
    async with store.begin() as unit:
        read = await unit.read_unlocked({KEY}, merge([deposit.locks()], 7))
        book = book_on(read.state)
        book.stripe = 7  # whose settlement wallet does not exist yet
        answer = deposit.decide(book)
        with pytest.raises(Conflict):
            await unit.save(book, {KEY: IdempotencyRecord(1, answer)})


async def test_engines_that_meet_on_the_same_wallets_lose_nothing(
    app: tekana.Session, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts = 0
    note = UnlockedGroups.note

    def count(groups: UnlockedGroups, *, conflict: bool) -> None:
        nonlocal conflicts
        conflicts += conflict
        note(groups, conflict=conflict)

    monkeypatch.setattr(UnlockedGroups, "note", count)
    wallets = [await a_wallet(app, "100") for _ in range(3)]

    async def move(engine: tekana.Session, number: int) -> None:
        for turn in range(60):
            payer, payee = wallets[(number + turn) % 3], wallets[(number + turn + 1) % 3]
            await engine.execute(builders.transfer(payer.id, payee.id, "1"))

    async with session(postgres_url) as second, session(postgres_url) as third:
        await all_at_once(move(engine, number) for number, engine in enumerate((app, second, third)))
    assert conflicts > 0
    balances = [await app.wallets.get(one.id) for one in wallets]
    assert sum(one.ledger_balance for one in balances) == 300
    assert sum(one.version for one in balances) == 3 + 2 * 180


async def test_small_groups_alone_are_read_without_locks(app: tekana.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = await a_wallet(app)
    locked: list[int] = []
    lock = PostgresUnitOfWork.lock

    async def count(unit: PostgresUnitOfWork, *values: object, **options: object) -> object:
        locked.append(1)
        return await lock(unit, *values, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(PostgresUnitOfWork, "lock", count)
    await app.execute(builders.deposit(wallet.id, "1"))
    assert locked == []
    await all_at_once(app.execute(builders.deposit(wallet.id, "1")) for _ in range(COMMANDS_MAX + 1))
    assert locked


def test_conflicts_make_groups_be_locked_for_a_while() -> None:
    groups = UnlockedGroups()

    def locked_after(*, conflict: bool) -> int:
        groups.note(conflict=conflict)
        number = 0
        while not groups.allow(1, LockSet()):
            number += 1
        return number

    assert [locked_after(conflict=True) for _ in range(8)] == [1, 3, 7, 15, 31, 63, 63, 63]
    assert locked_after(conflict=False) == 0
    assert [locked_after(conflict=True) for _ in range(2)] == [63, 63]
    for _ in range(7):
        groups.note(conflict=False)
    assert locked_after(conflict=True) == 1


def test_groups_that_are_large_or_need_more_than_wallets_are_locked() -> None:
    groups = UnlockedGroups()
    assert groups.allow(COMMANDS_MAX, LockSet())
    assert not groups.allow(COMMANDS_MAX + 1, LockSet())
    assert not groups.allow(1, LockSet(others=(CUSTOMERS.ref(uuid7()),)))
    assert groups.allow(1, LockSet())
