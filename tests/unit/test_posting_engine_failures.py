"""What the posting engine says and does when its store fails: nobody is told a thing that may not be so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from tekana.domain.lock_set import LockSet
from tekana.ports.unit_of_work import BeginUnit
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.faults import Failing, Point
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana.testing.session import session
from tekana_memory import MemoryStore


@asynccontextmanager
async def engine_on(store: MemoryStore, begin: BeginUnit) -> AsyncIterator[Session]:
    engine = PostingEngine(begin, uuid7, default_currency=RWF)
    engine.start()
    yield Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    await engine.stop()
    await assert_whole(store)


class Script:
    """A fault at each attempt of its own: after the save, or before the lock."""

    def __init__(self, *errors: tuple[Point, Exception]) -> None:
        self.errors = list(errors)
        self.attempts = 0

    def __call__(self, point: Point, what: object) -> None:
        self.attempts += point == "begin"
        if self.errors and point == self.errors[0][0]:
            raise self.errors.pop(0)[1]


class LockedState:
    """Somebody else sits on a wallet, for good."""

    def __init__(self, wallet_id: WalletId) -> None:
        self.wallet_id = wallet_id
        self.tries: list[int] = []

    def __call__(self, point: Point, what: object) -> None:
        if point == "lock" and isinstance(what, LockSet) and self.wallet_id in what.wallets:
            self.tries.append(len(what.wallets))
            raise Busy("another unit of work is at it")


async def test_once_the_end_was_not_seen_a_failure_is_unknown_whatever_comes_after() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        wallet = await a_wallet(app)
    lost, busy = Unavailable("the line is dead"), Conflict("another request got there first")
    failing = Failing(store.begin, Script(("saved", lost), ("claim", busy), ("claim", busy)))
    async with engine_on(store, failing) as app:
        with pytest.raises(Unavailable, match="unknown: retry with the same key") as told:
            await app.execute(builders.deposit(wallet.id, "10"), key="a key")
        assert not isinstance(told.value, Conflict)  # which would say that nothing was stored
        done = await app.submit(builders.deposit(wallet.id, "10"), key="a key")
        assert done.replayed
        assert (await app.wallets.get(wallet.id)).ledger_balance == 10


async def test_a_wallet_that_is_locked_elsewhere_holds_up_its_own_command_alone() -> None:
    store = MemoryStore()
    async with session(store=store) as app:
        wallets = [await a_wallet(app) for _ in range(8)]
    locked = LockedState(wallets[3].id)
    async with engine_on(store, Failing(store.begin, locked)) as app:
        commands = [builders.deposit(wallet.id, "10") for wallet in wallets]
        told = await all_outcomes([app.submit(one, key=str(number)) for number, one in enumerate(commands)])
        assert kinds(told) == ["Busy"] + ["Executed"] * 7
    # With the settlement wallet: eight in one group, four, two, and then the one, thrice. No group is tried twice.
    assert locked.tries == [9, 5, 3, 2, 2, 2]


async def test_stopping_without_work_begins_none() -> None:
    store = MemoryStore()
    script = Script()
    async with engine_on(store, Failing(store.begin, script)):
        pass
    assert script.attempts == 0


@pytest.mark.parametrize("key", ["", " ", "a\x00b", "\ud800", "x" * 256, 7])
async def test_a_key_that_is_none_is_refused_and_never_ignored(key: str) -> None:
    async with session("memory://") as app:
        wallet = await a_wallet(app)
        with pytest.raises(InvalidRequest) as refused:
            await app.execute(builders.deposit(wallet.id, "10"), key=key)
        assert [one.field for one in refused.value.errors] == ["key"]
        assert (await app.wallets.get(wallet.id)).ledger_balance == 0


async def test_ready_only_while_commands_are_decided() -> None:
    store = MemoryStore()
    async with tekana.connect(store=store) as app:
        await app.check_ready()
    with pytest.raises(Unavailable):
        await app.check_ready()


async def test_answers_are_the_callers_own() -> None:
    async with session("memory://") as app:
        wallet = await app.execute(builders.open_wallet((await app.execute(builders.person())).customer.id), key="open")
        wallet.status, wallet.ledger_balance = "closed", 10**9
        again = (await app.customers.list(tekana.CustomerFilter(), tekana.PageRequest())).items[0].wallets[1]
        assert (again.status, again.ledger_balance) == ("active", 0)


def test_fingerprints_outlive_a_release() -> None:
    """A client that repeats a request after an upgrade gets its answer, so these never change."""
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
