"""Holds over a real broker: the gateway authorizes, captures and voids, and the service expires."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

import tekana
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.holds import held_money
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tests.kafka.topology import gateway, services, until_it_answers

pytestmark = pytest.mark.kafka


async def test_holds_cross_the_bus(kafka_address: str, topic_prefix: str) -> None:
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"
    clock = FrozenClock()
    store = MemoryStore(clock=clock)
    async with services(bus_url, "memory://", store=store, clock=clock), gateway(bus_url) as app:
        await until_it_answers(app)
        money = await held_money(app, expires_in=60)
        assert (money.hold.status, await app.transactions.get(money.hold.id)) == ("pending", money.hold)
        captured = await app.submit(money.capture("300", final=False), key="capturing")
        again = await app.submit(money.capture("300", final=False), key="capturing")
        assert (again.answer, again.replayed) == (captured.answer, True)
        with pytest.raises(tekana.CaptureExceedsHold) as refused:
            await app.execute(money.capture("701"))
        assert refused.value.transaction is not None
        changed = await app.submit(tekana.ChangeHold(transaction_id=money.hold.id, amount="900"), key="changing")
        assert isinstance(changed.answer, tekana.Hold)
        voided = await app.execute(tekana.VoidHold(transaction_id=money.hold.id, reason="cancelled"))
        assert await app.transactions.get(money.hold.id) == voided.shown()
        with pytest.raises(tekana.HoldNotOpen):
            await app.execute(money.capture())
        assert (await app.wallets.get(money.payer.id)).held == 0
        forgotten = await held_money(app, expires_in=60)
        clock.advance(timedelta(seconds=60))
        async with asyncio.timeout(30):
            while (await app.transactions.get(forgotten.hold.id)).status != "expired":  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)
        assert (await app.wallets.get(forgotten.payer.id)).held == 0
    await assert_whole(store)
