"""A row locked by another process delays only the commands that need it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import tekana
from tekana.application.engine.group_settler import GroupSettler
from tekana.domain.errors import Busy
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, kinds
from tekana.testing.session import session
from tekana_postgres.unit_of_work import PostgresUnitOfWork
from tests.integration.postgres_support import superuser

LOCK = "SELECT FROM wallets WHERE id = $1 FOR UPDATE"


@pytest.fixture
async def app(postgres_url: str) -> AsyncIterator[tekana.Session]:
    async with session(postgres_url) as app:
        yield app
        assert [finding async for finding in app.audit() if not finding.ok] == []


@asynccontextmanager
async def locked(url: str, wallet_id: object) -> AsyncIterator[None]:
    """Lock the wallet in another database session."""
    async with superuser(url) as connection, connection.transaction():
        await connection.execute(LOCK, wallet_id)
        yield


async def test_a_locked_wallet_does_not_delay_other_commands(
    app: tekana.Session, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    delayed = 0
    post = GroupSettler._post

    async def count_delays(settler: GroupSettler, *values: Any, **options: Any) -> Any:
        nonlocal delayed
        try:
            return await post(settler, *values, **options)
        except Busy:
            delayed += 1
            raise

    monkeypatch.setattr(GroupSettler, "_post", count_delays)
    wallets = [await a_wallet(app, "1000") for _ in range(9)]
    victim, *others = wallets
    async with locked(postgres_url, victim.id):
        waiting = asyncio.create_task(app.execute(builders.transfer(others[0].id, victim.id, "1")))
        await all_outcomes(app.execute(builders.deposit(one.id, "1")) for one in others)  # finds the locked wallet
        late = [asyncio.create_task(app.execute(builders.deposit(victim.id, "1"))) for _ in range(20)]
        before = delayed
        for _ in range(10):
            done = await all_outcomes(app.execute(builders.deposit(one.id, "1")) for one in others)
            assert kinds(done) == ["Transaction"] * 8
        assert before > 0
        assert delayed - before <= 1
        assert not waiting.done()
    assert kinds(await all_outcomes([waiting, *late])) == ["Transaction"] * 21
    assert (await app.wallets.get(victim.id)).ledger_balance == 1021
    assert (await app.execute(builders.deposit(victim.id, "1"))).status == "posted"


async def test_commands_on_a_wallet_that_stays_locked_are_unavailable(app: tekana.Session, postgres_url: str) -> None:
    victim, other = await a_wallet(app), await a_wallet(app)
    atomic = builders.atomic(builders.deposit(other.id, "5"), builders.deposit(victim.id, "5"))
    async with locked(postgres_url, victim.id):
        begin = time.monotonic()
        outcomes = await all_outcomes(
            [
                app.submit(builders.deposit(victim.id, "1"), key="single"),
                app.submit_batch(atomic, key="atomic"),
                app.submit_batch(
                    builders.independent(builders.deposit(other.id, "1"), builders.deposit(victim.id, "1")),
                    key="independent",
                ),
                app.execute(builders.freeze(victim.id)),
            ]
        )
        assert [type(one).__name__ for one in outcomes] == ["Busy", "Busy", "Unavailable", "Busy"]
        assert 4 < time.monotonic() - begin < 10
        assert (await app.wallets.get(other.id)).ledger_balance == 1  # of the independent batch
    done = await app.submit(builders.deposit(victim.id, "1"), key="single")
    assert not done.replayed
    assert not (await app.submit_batch(atomic, key="atomic")).replayed
    assert [(await app.wallets.get(one.id)).ledger_balance for one in (victim, other)] == [6, 6]


async def test_a_replay_does_not_wait_for_a_locked_wallet(app: tekana.Session, postgres_url: str) -> None:
    victim = await a_wallet(app)
    await app.submit(builders.deposit(victim.id, "1"), key="done")
    async with locked(postgres_url, victim.id):
        waiting = asyncio.create_task(app.execute(builders.deposit(victim.id, "1")))
        await asyncio.sleep(0.5)
        assert (await app.submit(builders.deposit(victim.id, "1"), key="done")).replayed
    await waiting


async def test_a_customer_command_waits_for_a_locked_wallet(app: tekana.Session, postgres_url: str) -> None:
    aline = await app.execute(builders.person())
    async with locked(postgres_url, aline.wallets[0].id):
        opening = asyncio.create_task(app.execute(builders.open_wallet(aline.customer.id, "USD")))
        await asyncio.sleep(1)
        assert not opening.done()
    assert (await opening).currency == "USD"


async def test_a_preview_does_not_wait_for_locks(app: tekana.Session, postgres_url: str) -> None:
    victim = await a_wallet(app, "10")
    async with locked(postgres_url, victim.id):
        async with asyncio.timeout(1):
            assert (await app.preview(builders.withdrawal(victim.id, "4"))).entries[0].ledger_balance_after == 6
            with pytest.raises(tekana.InsufficientFunds):
                await app.preview(builders.withdrawal(victim.id, "11"))


async def test_a_preview_takes_no_locks(app: tekana.Session, postgres_url: str) -> None:
    wallet = await a_wallet(app, "10")
    async with superuser(postgres_url) as connection:
        store: Any = app._store
        async with store.begin() as unit:
            await unit.read(builders.withdrawal(wallet.id, "4").locks())
            async with connection.transaction():
                await connection.execute(f"{LOCK} NOWAIT", wallet.id)


async def test_deposits_survive_backends_terminated_during_commit(app: tekana.Session, postgres_url: str) -> None:
    """Whatever the driver raises, the engine retries with the same keys; each deposit is posted once."""
    wallet = await a_wallet(app)
    chance = random.Random(20261129)
    end = time.monotonic() + 4
    keys = [f"key {number}" for number in range(400)]
    failures: list[BaseException] = []

    async def deposit(key: str) -> None:
        try:
            await app.execute(builders.deposit(wallet.id, "1"), key=key)
        except tekana.Unavailable:
            """The outcome of the deposit is unknown."""
        except BaseException as error:
            failures.append(error)
            raise

    async def terminate() -> None:
        async with superuser(postgres_url) as connection:
            while time.monotonic() < end:
                await asyncio.sleep(chance.uniform(0, 0.05))
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND datname = current_database() AND application_name = 'tekana'"
                )

    terminating = asyncio.create_task(terminate())
    while not terminating.done():
        await asyncio.gather(*(deposit(key) for key in chance.sample(keys, 40)))
    await terminating
    assert failures == []
    await asyncio.gather(*(app.execute(builders.deposit(wallet.id, "1"), key=key) for key in keys))
    assert (await app.wallets.get(wallet.id)).ledger_balance == len(keys)


async def test_a_slow_group_of_the_same_engine_is_not_taken_for_a_stuck_wallet(
    app: tekana.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = await a_wallet(app, "10000"), await a_wallet(app)
    save, lock, waits = PostgresUnitOfWork.save, PostgresUnitOfWork.lock, []

    async def save_slowly(self: PostgresUnitOfWork, *args: Any) -> None:
        await asyncio.sleep(0.8)  # longer than a wait for a lock
        await save(self, *args)

    async def note_wait(self: PostgresUnitOfWork, locks: Any, *, wait: bool = True) -> Any:
        waits.append(wait)
        return await lock(self, locks, wait=wait)

    monkeypatch.setattr(PostgresUnitOfWork, "save", save_slowly)
    monkeypatch.setattr(PostgresUnitOfWork, "lock", note_wait)
    transfers = [app.execute(builders.transfer(payer.id, payee.id, "1")) for _ in range(1000)]  # two groups at once
    assert kinds(await all_outcomes(transfers)) == ["Transaction"] * 1000
    assert len(waits) > 2
    assert all(waits)
