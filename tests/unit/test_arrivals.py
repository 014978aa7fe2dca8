"""Every command gets an answer, with any pattern of arrivals: none is lost between two groups.

The soak session runs this for TEKANA_SOAK_SECONDS; the default is three seconds.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from uuid_utils.compat import uuid7

from tekana import Batch, PostingEngine, Tekana
from tekana.application.engine.posting_engine import _CROWD
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.unit_of_work import UnitOfWork
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore

SECONDS = float(os.environ.get("TEKANA_SOAK_SECONDS", "3"))
REQUEST_TIMEOUT_SECONDS = 20.0  # far more than any group takes

GROUP = 100


class UnitsOfRandomDuration:
    """Units of work of random duration, some of which end at the moment when other commands arrive."""

    def __init__(self, store: MemoryStore, dice: random.Random) -> None:
        self.store = store
        self.dice = dice
        self.begun = self.in_flight = self.most_in_flight = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        self.begun += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._pause()
            async with self.store.begin() as unit:
                yield unit
            await self._pause()
        finally:
            self.in_flight -= 1

    async def _pause(self) -> None:
        for _ in range(self.dice.choice((0, 0, 1, 2, 5))):
            await asyncio.sleep(0)
        if self.dice.random() < 0.3:
            await asyncio.sleep(self.dice.uniform(0, 0.003))


@pytest.mark.timeout(8 * SECONDS + 120)
async def test_arrivals_in_any_pattern_are_all_answered() -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        seed = random.randrange(2**32)
        print(f"seed {seed}")  # printed if the test fails
        await _arrive(random.Random(seed), until=min(end, time.monotonic() + 3))


async def _arrive(dice: random.Random, until: float) -> None:
    store = MemoryStore()
    units = UnitsOfRandomDuration(store, dice)
    engine = PostingEngine(units, uuid7, default_currency=RWF, new_secret=builders.readable_secret, largest_group=GROUP)
    engine.start()
    app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    wallet = await a_wallet(app)
    numbers = itertools.count()
    asked = set()

    async def alone() -> None:
        number = next(numbers)
        asked.add(number)
        await asyncio.wait_for(app.execute(builders.deposit(wallet.id, "1"), key=str(number)), REQUEST_TIMEOUT_SECONDS)

    async def together() -> None:
        deposits = tuple(builders.deposit(wallet.id, "1") for _ in range(dice.randint(1, 40)))
        first = [next(numbers) for _ in deposits]
        asked.update(first)
        batch = Batch(mode=dice.choice(("atomic", "independent")), transactions=deposits)
        await asyncio.wait_for(app.submit_batch(batch, key=f"batch {first[0]}"), REQUEST_TIMEOUT_SECONDS)

    async def one_after_the_other() -> None:
        for _ in range(dice.randint(1, 10)):
            await alone()

    async def cancelled_caller() -> None:
        leaving = asyncio.create_task(alone())
        for _ in range(dice.randint(1, 6)):
            await asyncio.sleep(0)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving

    while time.monotonic() < until:
        size = dice.choice((1, 1, 1, 2, 10, GROUP + _CROWD + 50))
        arriving = [asyncio.create_task(dice.choice((alone, alone, together, one_after_the_other, cancelled_caller))())]
        arriving += [asyncio.create_task(alone()) for _ in range(size - 1)]
        if dice.random() < 0.5:
            await asyncio.gather(*arriving)  # the engine is idle when the next commands arrive
        else:
            await asyncio.sleep(dice.choice((0, 0, 0.0005, 0.002)))
            await asyncio.gather(*arriving)
    await asyncio.wait_for(engine.stop(), REQUEST_TIMEOUT_SECONDS)
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == len(asked)
    assert units.most_in_flight <= 2
    await assert_whole(store)


async def test_a_second_group_starts_only_for_many_commands() -> None:
    for crowd, most in ((GROUP + _CROWD - 1, 1), (GROUP + _CROWD, 2)):
        store = MemoryStore()
        units = UnitsOfRandomDuration(store, random.Random(1))
        engine = PostingEngine(
            units, uuid7, default_currency=RWF, new_secret=builders.readable_secret, largest_group=GROUP
        )
        engine.start()
        app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
        wallet = await a_wallet(app)
        await asyncio.gather(*(app.execute(builders.deposit(wallet.id, "1")) for _ in range(crowd)))
        assert units.most_in_flight == most
        await engine.stop()
        await assert_whole(store)


async def test_commands_queued_before_the_stop_are_decided() -> None:
    store = MemoryStore()
    units = UnitsOfRandomDuration(store, random.Random(1))
    engine = PostingEngine(units, uuid7, default_currency=RWF, new_secret=builders.readable_secret)
    engine.start()
    app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    wallet = await a_wallet(app)
    last = [asyncio.create_task(app.execute(builders.deposit(wallet.id, "1"))) for _ in range(3)]
    await asyncio.sleep(0)  # they are queued, and no group is in flight yet
    assert units.in_flight == 0
    await engine.stop()
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 3
    await asyncio.gather(*last)
    await assert_whole(store)
