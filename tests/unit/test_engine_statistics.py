"""What the posting engine counts: how commands ended, what waits, and how full the operator's wallets are."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from uuid_utils.compat import uuid7

from tekana import (
    Batch,
    DepositFunds,
    FreezeWallet,
    InsufficientFunds,
    PostingEngine,
    Tekana,
    TransferFunds,
    Unavailable,
    UpdateCustomer,
)
from tekana.application.engine.statistics import EngineStatistics
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.money import BALANCE_MAX_MINOR, Currency
from tekana.ports.unit_of_work import UnitOfWork
from tekana.testing import builders
from tekana.testing.builders import RWF, no_limits
from tekana.testing.contracts.helpers import a_wallet
from tekana_memory import MemoryStore

LARGEST = "1000000000000000"
"""The largest amount of a deposit."""


@asynccontextmanager
async def an_engine(store: MemoryStore, begin: object = None) -> AsyncIterator[PostingEngine]:
    """Run an engine on a store."""
    engine = PostingEngine(begin or store.begin, uuid7, default_currency=RWF, new_secret=builders.readable_secret)  # type: ignore[arg-type]
    engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def statistics(engine: PostingEngine) -> EngineStatistics:
    return engine.statistics()


def outcomes(engine: PostingEngine) -> Counter[tuple[str, str, str]]:
    return Counter(statistics(engine).outcomes)


async def test_commands_are_counted_by_type_and_outcome() -> None:
    store = MemoryStore()
    async with an_engine(store) as engine:
        app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
        wallet, other = await a_wallet(app, "100"), await a_wallet(app)
        before = outcomes(engine)
        transfer = TransferFunds(from_wallet_id=wallet.id, to_wallet_id=other.id, amount="60", currency="RWF")
        await app.execute(transfer, key="a")
        await app.execute(transfer, key="a")
        with pytest.raises(InsufficientFunds):
            await app.execute(transfer, key="b")
        with pytest.raises(InsufficientFunds):
            await app.execute(transfer, key="b")
        await app.execute(FreezeWallet(wallet_id=wallet.id, scope="all", reason="lost phone"))
        await app.submit_batch(Batch(mode="atomic", transactions=(transfer, transfer)), key="c")
        assert outcomes(engine) - before == {
            ("TransferFunds", "succeeded", ""): 1,
            ("TransferFunds", "replayed", ""): 2,
            ("TransferFunds", "refused", "insufficient_funds"): 1,
            ("FreezeWallet", "succeeded", ""): 1,
            ("TransferFunds", "refused", "wallet_not_active"): 1,
            ("TransferFunds", "refused", "rolled_back"): 1,
        }


async def test_failed_commands_are_counted_once() -> None:
    store = MemoryStore()

    @asynccontextmanager
    async def begin() -> AsyncIterator[UnitOfWork]:
        raise Unavailable("the database is down")
        yield

    async with an_engine(store, begin) as engine:
        app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
        update = UpdateCustomer(customer_id=uuid7(), email="aline@example.com")  # type: ignore[arg-type]
        with pytest.raises(Unavailable):
            await app.execute(update)
        assert outcomes(engine) == {("UpdateCustomer", "failed", "unavailable"): 1}


async def test_what_waits_and_what_is_in_flight_is_known() -> None:
    store, gate = MemoryStore(), asyncio.Event()
    arrived = asyncio.Event()

    @asynccontextmanager
    async def begin() -> AsyncIterator[UnitOfWork]:
        arrived.set()
        await gate.wait()
        async with store.begin() as unit:
            yield unit

    async with an_engine(store, begin) as engine:
        gate.set()
        app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
        wallet = await a_wallet(app)
        await asyncio.sleep(0)  # until its group has ended
        assert (statistics(engine).waiting_commands, statistics(engine).groups_in_flight) == (0, 0)
        gate.clear()
        arrived.clear()
        deposit = DepositFunds(wallet_id=wallet.id, amount="1", currency="RWF")
        first = asyncio.create_task(app.execute(deposit))
        await arrived.wait()
        later = [asyncio.create_task(app.execute(deposit)) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert (statistics(engine).waiting_commands, statistics(engine).groups_in_flight) == (3, 1)
        gate.set()
        await asyncio.gather(first, *later)
        await asyncio.sleep(0)
        assert (statistics(engine).waiting_commands, statistics(engine).groups_in_flight) == (0, 0)


async def test_an_operators_wallet_that_is_nearly_full_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "tekana.engine")
    store = MemoryStore()
    async with an_engine(store) as engine:
        app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
        await app.execute(no_limits())
        wallet = await a_wallet(app)
        deposit = DepositFunds(wallet_id=wallet.id, amount=LARGEST, currency="RWF")

        async def fill(share: float) -> float:
            while (level := statistics(engine).house_wallet_levels.get(("settlement", Currency("RWF")), 0.0)) < share:
                await app.submit_batch(Batch(mode="atomic", transactions=(deposit,) * 200))
            return level

        level = await fill(0.86)
        held = (await app.wallets.get(wallet.id)).ledger_balance
        assert level == pytest.approx(held / BALANCE_MAX_MINOR)
        assert caplog.messages == []
        await fill(0.93)
        [message] = caplog.messages
        assert "settlement wallet in RWF" in message
        assert "90%" in message
