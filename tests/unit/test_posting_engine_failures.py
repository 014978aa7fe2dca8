"""The posting engine with a failing store: it reports an unknown outcome whenever the commit is uncertain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana import Conflict, InvalidRequest, PostingEngine, Tekana, Unavailable, WalletId
from tekana.application import Session
from tekana.application.engine.decide import fingerprint
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import Busy
from tekana.domain.lock_set import LockedState, LockSet
from tekana.ports.unit_of_work import BeginUnit, UnitOfWork
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.faults import Failing, Point
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana.testing.session import session
from tekana_memory import MemoryStore


@asynccontextmanager
async def engine_on(store: MemoryStore, begin: BeginUnit, **options: int) -> AsyncIterator[Session]:
    engine = PostingEngine(begin, uuid7, default_currency=RWF, new_secret=builders.readable_secret, **options)
    engine.start()
    yield Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    await engine.stop()
    await assert_whole(store)


class FaultSequence:
    """One fault per attempt, after the save or before the lock."""

    def __init__(self, *errors: tuple[Point, Exception]) -> None:
        self.errors = list(errors)
        self.attempts = 0

    def __call__(self, point: Point, what: object) -> None:
        self.attempts += point == "begin"
        if self.errors and point == self.errors[0][0]:
            raise self.errors.pop(0)[1]


class PermanentLock:
    """A lock of another process on a wallet, never released."""

    def __init__(self, wallet_id: WalletId) -> None:
        self.wallet_id = wallet_id
        self.tries: list[int] = []

    def __call__(self, point: Point, what: object) -> None:
        if point == "lock" and isinstance(what, LockSet) and self.wallet_id in what.wallets:
            self.tries.append(len(what.wallets))
            raise Busy("another unit of work has locked it")


async def test_after_a_lost_commit_any_failure_is_an_unknown_outcome() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        wallet = await a_wallet(app)
    lost, busy = Unavailable("the connection is lost"), Conflict("another request was faster")
    failing = Failing(store.begin, FaultSequence(("saved", lost), ("claim", busy), ("claim", busy)))
    async with engine_on(store, failing) as app:
        with pytest.raises(Unavailable, match="unknown: retry with the same key") as raised:
            await app.execute(builders.deposit(wallet.id, "10"), key="a key")
        assert not isinstance(raised.value, Conflict)  # a Conflict would mean that nothing was stored
        done = await app.submit(builders.deposit(wallet.id, "10"), key="a key")
        assert done.replayed
        assert (await app.wallets.get(wallet.id)).ledger_balance == 10


async def test_a_locked_wallet_delays_only_its_own_command() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        wallets = [await a_wallet(app) for _ in range(8)]
    locked = PermanentLock(wallets[3].id)
    async with engine_on(store, Failing(store.begin, locked)) as app:
        commands = [builders.deposit(wallet.id, "10") for wallet in wallets]
        raised = await all_outcomes([app.submit(one, key=str(number)) for number, one in enumerate(commands)])
        assert kinds(raised) == ["Busy"] + ["Executed"] * 7
    # With the settlement wallet: eight in one group, which times out; then, as this store does not report what is
    # locked, the eight without waiting, four, two, and the one, thrice.
    assert locked.tries == [9, 9, 5, 3, 2, 2, 2]


async def test_stopping_without_commands_begins_no_unit_of_work() -> None:
    store = MemoryStore()
    script = FaultSequence()
    async with engine_on(store, Failing(store.begin, script)):
        pass
    assert script.attempts == 0


@pytest.mark.parametrize("key", ["", " ", "a\x00b", "\ud800", "x" * 256, 7])
async def test_an_invalid_idempotency_key_is_refused(key: str) -> None:
    async with session("memory://") as app:
        wallet = await a_wallet(app)
        with pytest.raises(InvalidRequest) as refused:
            await app.execute(builders.deposit(wallet.id, "10"), key=key)
        assert [one.field for one in refused.value.errors] == ["key"]
        assert (await app.wallets.get(wallet.id)).ledger_balance == 0


async def test_the_engine_is_ready_only_while_it_decides_commands() -> None:
    store = MemoryStore()
    async with tekana.connect(store=store) as app:
        await app.check_ready()
    with pytest.raises(Unavailable):
        await app.check_ready()


async def test_each_caller_gets_its_own_copy_of_the_answer() -> None:
    async with session("memory://") as app:
        wallet = await app.execute(builders.open_wallet((await app.execute(builders.person())).customer.id), key="open")
        wallet.status, wallet.ledger_balance = "closed", 10**9
        again = (await app.customers.list(tekana.CustomerFilter(), tekana.PageRequest())).items[0].wallets[1]
        assert (again.status, again.ledger_balance) == ("active", 0)


def test_fingerprints_are_stable_across_releases() -> None:
    """A client that repeats a request after an upgrade gets the stored answer, so fingerprints never change."""
    one, two = (WalletId(UUID(int=number)) for number in (1, 2))
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    known = {
        tekana.DepositFunds(wallet_id=one, amount="10", currency="RWF"): DEPOSIT,
        tekana.TransferFunds(
            from_wallet_id=one, to_wallet_id=two, amount="12.50", currency="USD", reference="r", effective_at=at
        ): TRANSFER,
        tekana.CloseWallet(wallet_id=one): CLOSE,
        builders.atomic(builders.deposit(one, "10"), builders.transfer(one, two, "10")): BATCH,
    }
    assert {type(command).__name__: fingerprint(command.NAME, command) for command in known} == {
        type(command).__name__: number for command, number in known.items()
    }


DEPOSIT = 8940268005969700091
TRANSFER = -7836251524303719439
CLOSE = 4687615333058705282
BATCH = 4486306927212174275


async def test_after_a_cancelled_group_the_next_is_decided() -> None:
    """A stray cancellation of the engine's task does not stop the engine."""
    store = MemoryStore()
    begun = asyncio.Event()

    @asynccontextmanager
    async def begin() -> AsyncIterator[UnitOfWork]:
        async with store.begin() as unit:
            if not begun.is_set():
                begun.set()
                await asyncio.Event().wait()
            yield unit

    async with session(store=store) as app:
        wallet = await a_wallet(app)
    async with engine_on(store, begin) as app:
        first = asyncio.create_task(app.submit(builders.deposit(wallet.id, "10"), key="first"))
        await begun.wait()
        second = asyncio.create_task(app.submit(builders.deposit(wallet.id, "5"), key="second"))
        await asyncio.sleep(0)
        [work] = [task for task in asyncio.all_tasks() if task.get_name() == "posting engine"]
        work.cancel()
        with pytest.raises(Unavailable, match="unknown: retry with the same key"):
            await first
        assert not (await second).replayed
        assert not (await app.submit(builders.deposit(wallet.id, "10"), key="first")).replayed
        assert (await app.wallets.get(wallet.id)).ledger_balance == 15


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
async def test_the_engine_continues_after_any_base_exception(error: type[BaseException]) -> None:
    store = MemoryStore()
    raised: list[bool] = []

    def fault(point: Point, what: object) -> None:
        if point == "save" and not raised:
            raised.append(True)
            raise error

    async with session(store=store) as app:
        wallet = await a_wallet(app)
    async with engine_on(store, Failing(store.begin, fault)) as app:
        with pytest.raises(Unavailable, match="unknown"):
            await app.execute(builders.deposit(wallet.id, "10"))
        assert (await app.execute(builders.deposit(wallet.id, "10"))).status == "posted"


class PartlyLockedStore:
    """Units of work in which the wallets in `busy` are locked by another process."""

    def __init__(self, store: MemoryStore, *busy: WalletId) -> None:
        self.store = store
        self.busy = set(busy)
        self.locked: list[tuple[int, bool]] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        async with self.store.begin() as unit:
            yield _PartlyLockedUnit(unit, self)


class _PartlyLockedUnit:
    def __init__(self, unit: UnitOfWork, about: PartlyLockedStore) -> None:
        self._unit = unit
        self._about = about
        self.find_keys, self.save, self.read = unit.find_keys, unit.save, unit.read

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
        self._about.locked.append((len(locks.wallets), wait))
        busy = self._about.busy.intersection(locks.wallets)
        if busy and wait:
            raise Busy("it is locked")
        locked = await self._unit.lock(locks, wait=wait)
        wallets = {one: wallet for one, wallet in locked.wallets.items() if one not in busy}
        return replace(locked, wallets=wallets, busy=frozenset(busy))


async def test_a_group_continues_without_the_locked_wallets() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        wallets = [await a_wallet(app) for _ in range(8)]
    units = PartlyLockedStore(store, wallets[3].id)
    async with engine_on(store, units) as app:
        tasks = [asyncio.create_task(app.submit(builders.deposit(one.id, "10"))) for one in wallets]
        done, waiting = await asyncio.wait(tasks, timeout=0.3)
        assert (len(done), waiting) == (7, {tasks[3]})
        assert units.locked[:2] == [(9, True), (9, False)]  # one timeout, then one attempt without the locked wallet
        units.locked.clear()
        later = [asyncio.create_task(app.submit(builders.deposit(one.id, "10"))) for one in wallets]
        done, waiting = await asyncio.wait(later, timeout=0.3)
        assert (len(done), waiting) == (7, {later[3]})
        assert (8, True) in units.locked  # commands on locked wallets do not wait together with others
        units.busy.clear()
        await asyncio.gather(tasks[3], later[3])


async def test_a_batch_keeps_its_order_per_wallet_despite_a_locked_wallet() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        locked, shared, other, free = [await a_wallet(app, "10") for _ in range(4)]
    units = PartlyLockedStore(store, locked.id)
    async with engine_on(store, units) as app:
        batch = builders.independent(
            builders.transfer(locked.id, shared.id, "10"),  # waits
            builders.transfer(shared.id, other.id, "20"),  # needs the money of the first transfer
            builders.deposit(free.id, "1"),
        )
        waiting = asyncio.create_task(app.submit_batch(batch, key="a batch"))
        await asyncio.sleep(0.3)
        balances = [(await app.wallets.get(one.id)).ledger_balance for one in (shared, other, free)]
        assert balances == [10, 10, 11]
        units.busy.clear()
        assert [one.status for one in (await waiting).transactions] == ["posted"] * 3


async def test_the_queue_of_a_locked_wallet_is_bounded() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        wallet, other = await a_wallet(app), await a_wallet(app)
    units = PartlyLockedStore(store, wallet.id)
    async with engine_on(store, units, largest_group=10) as app:
        tasks = [asyncio.create_task(app.submit(builders.deposit(wallet.id, "1"))) for _ in range(50)]
        done, waiting = await asyncio.wait(tasks, timeout=0.5)
        assert kinds([task.exception() for task in done]) == ["Busy"] * len(done)
        assert 10 <= len(waiting) <= 20
        assert (await app.submit(builders.deposit(other.id, "1"))).answer.status == "posted"
        units.busy.clear()
        await asyncio.gather(*waiting)


async def test_a_wallet_locked_briefly_refuses_no_command() -> None:
    """More commands than its queue may hold need the wallet, and it is free again at the next attempt."""
    store = MemoryStore()
    async with session(store=store) as app:
        wallet = await a_wallet(app)
    units = PartlyLockedStore(store, wallet.id)

    @asynccontextmanager
    async def begin() -> AsyncIterator[UnitOfWork]:
        async with units() as unit:
            yield unit
        if (2, False) in units.locked:  # the lock timed out, and the group continued without it
            units.busy.clear()

    async with engine_on(store, begin, largest_group=10) as app:
        done = await all_outcomes(app.submit(builders.deposit(wallet.id, "1")) for _ in range(100))
        assert kinds(done) == ["Executed"] * 100
