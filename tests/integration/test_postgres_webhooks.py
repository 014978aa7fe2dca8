"""Webhook commands lock what dispatchers and relays lock too: in one order, and money does not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from uuid_utils.compat import uuid7

from tekana.application import CreateWebhookEndpoint, ResendWebhookDelivery, UpdateWebhookEndpoint
from tekana.domain.lock_set import merge
from tekana.ports.unit_of_work import IdempotencyKey
from tekana.ports.webhook_endpoints import RELAY
from tekana.testing import builders
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet, book_on
from tekana.testing.contracts.webhook_helpers import (
    HOUR,
    ME,
    URL,
    claim_one_of_each,
    create,
    first,
    new_stream,
    recorded,
)
from tekana_postgres import PostgresStore
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = postgres_store(postgres_url)
    yield store
    await store.stop()


async def test_a_resend_and_a_dispatcher_do_not_wait_for_each_other(store: PostgresStore) -> None:
    endpoint, queue = await create(store), store.webhook_deliveries
    await queue.queue(new_stream(endpoint, uuid7(), 1))
    [run] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
    delivery = first(run)
    commands = (
        UpdateWebhookEndpoint(endpoint_id=endpoint.id, description="locked"),
        ResendWebhookDelivery(delivery_id=delivery.id),
    )
    async with store.begin() as unit:
        book = book_on(await unit.lock(merge([one.locks() for one in commands], 0)), ME)
        recording = asyncio.create_task(recorded(queue, run, HOUR))
        await asyncio.sleep(0.3)
        assert not recording.done()  # it waits for the endpoint, whose first failure this is
        for one in commands:
            one.decide(book)
        await unit.save(book, dict[IdempotencyKey, object]())  # type: ignore[arg-type]
    await recording
    kept = await queue.get(ME, delivery.id)
    assert (kept.status, kept.tries) == ("pending", 1)


async def test_money_does_not_wait_for_a_relay_that_stays_locked(postgres_url: str, store: PostgresStore) -> None:
    async with at_work(store) as app:
        wallet = await a_wallet(app)
        await create(store)
        async with superuser(postgres_url) as connection:
            locked = connection.transaction()
            await locked.start()
            await connection.execute("SELECT 1 FROM relays WHERE name = $1 FOR UPDATE", RELAY)
            creating = asyncio.create_task(app.execute(CreateWebhookEndpoint(url=URL)))
            moving = [asyncio.create_task(app.execute(builders.deposit(wallet.id, "1"))) for _ in range(20)]
            async with asyncio.timeout(3):
                await asyncio.gather(*moving)
            assert not creating.done()
            await locked.rollback()
        assert (await creating).url == URL
