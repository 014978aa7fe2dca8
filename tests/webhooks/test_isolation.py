"""Isolation: endpoints that hang, hosts that do not resolve and a database that is away delay no other delivery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from tekana import WebhookEndpointDisabled
from tekana.application import (
    CreateWebhookEndpoint,
    ResendWebhookDelivery,
    SendWebhookTest,
    Session,
    UpdateWebhookEndpoint,
)
from tekana.application.webhooks import attempt as attempts
from tekana.application.webhooks.attempt import RETRY_DELAYS
from tekana.application.webhooks.capacity import CONCURRENCY_MAX, ENDPOINT_CONCURRENCY_MAX
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.clock import FrozenClock
from tekana.testing.receiver import Received, Receiver, receiving
from tekana_postgres import PostgresStore
from tekana_postgres.connections import raw_connection
from tests.webhooks.support import (
    app,
    clock,
    dispatching,
    feed,
    log,
    moved,
    owner,
    quick,
    receiver,
    store,
    store_url,
    until,
    until_logged,
)

__all__ = ["app", "clock", "owner", "quick", "receiver", "store", "store_url"]

HANGING = 40


@pytest.fixture
async def hanging(
    store: WebhookStore, owner: Session, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[tuple[Receiver, WebhookEndpoint]]]:
    """Endpoints that accept a request and never answer, within the time of the test."""
    monkeypatch.setattr(attempts, "REQUEST_TIMEOUT_SECONDS", 120.0)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(HANGING):
            one = await stack.enter_async_context(receiving())
            one.answer = lambda _: None
            made.append((one, await owner.execute(CreateWebhookEndpoint(url=one.url))))
        yield made


async def test_endpoints_that_hang_delay_no_other(
    store: WebhookStore,
    app: Session,
    owner: Session,
    receiver: Receiver,
    clock: FrozenClock,
    hanging: list[tuple[Receiver, WebhookEndpoint]],
) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    async with dispatching(store, clock):
        await moved(app, 20)
        wanted = len(await feed(store))
        await until(lambda: len(receiver.received) == wanted)
        found = await until_logged(owner, endpoint, lambda found: all(one.status == "delivered" for one in found))
        assert {len(one.attempts) for one in found} == {1}
        in_flight = [len(one.received) for one, _ in hanging]
        assert max(in_flight) <= ENDPOINT_CONCURRENCY_MAX
        assert sum(in_flight) <= CONCURRENCY_MAX
        for _, one in hanging:
            assert all(not delivery.attempts for delivery in await log(owner, one))


async def test_a_dispatcher_stops_at_once_while_endpoints_hang(
    store: WebhookStore,
    app: Session,
    clock: FrozenClock,
    hanging: list[tuple[Receiver, WebhookEndpoint]],
) -> None:
    async with asyncio.timeout(60):  # half of the time that the requests have
        async with dispatching(store, clock):
            await moved(app, 1)
            await until(lambda: all(one.received for one, _ in hanging))
        await until(lambda: not any(one.open_connections for one, _ in hanging))


async def test_retry_after_holds_back_the_whole_endpoint(
    store: WebhookStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    def answer(_: Received) -> int:
        if len(receiver.received) == 1:
            receiver.headers = "retry-after: 2\r\n"
            return 429
        receiver.headers = ""
        return 200

    receiver.answer = answer
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    async with dispatching(store, clock):
        for _ in range(3):
            await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        await until(lambda: len(receiver.received) == 1)
        await until_logged(owner, endpoint, lambda found: sum(one.tries for one in found) == 1)
        clock.advance(2 * RETRY_DELAYS[0])
        await until_logged(owner, endpoint, lambda found: all(one.status == "delivered" for one in found))
    first, second, *_ = receiver.received
    assert second.at - first.at >= 2
    assert len(receiver.received) == 4


async def test_nothing_is_sent_to_a_disabled_endpoint_on_request(owner: Session, receiver: Receiver) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    delivery = await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
    await owner.execute(UpdateWebhookEndpoint(endpoint_id=endpoint.id, status="disabled"))
    for refused in (
        owner.execute(SendWebhookTest(endpoint_id=endpoint.id)),
        owner.execute(ResendWebhookDelivery(delivery_id=delivery.id)),
    ):
        with pytest.raises(WebhookEndpointDisabled, match="by its owner"):
            await refused
    assert len(await log(owner, endpoint)) == 1
    await owner.execute(UpdateWebhookEndpoint(endpoint_id=endpoint.id, status="active"))
    await owner.execute(ResendWebhookDelivery(delivery_id=delivery.id))
    await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
async def test_an_attempt_is_recorded_once_the_database_is_back(
    store: PostgresStore,
    store_url: str,
    owner: Session,
    receiver: Receiver,
    clock: FrozenClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    receiver.may_answer.clear()
    outside = await asyncpg.connect(store_url.replace("+asyncpg", ""))
    async with dispatching(store, clock):
        for _ in range(5):
            await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        await until(lambda: bool(receiver.received))
        with caplog.at_level(logging.WARNING, "tekana.webhooks"):
            async with outside.transaction():
                await outside.execute("LOCK TABLE webhook_deliveries, webhook_lines")
                receiver.may_answer.set()
                await until(lambda: "trying until it works" in caplog.text)
        await until_logged(owner, endpoint, lambda found: all(one.status == "delivered" for one in found))
    await outside.close()
    assert len(receiver.received) == len({one.headers["webhook-id"] for one in receiver.received}) == 5


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
async def test_readers_that_hold_all_their_connections_do_not_stop_deliveries(
    store: PostgresStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
    async with AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(raw_connection(store._readers))
        async with dispatching(store, clock):
            await until(lambda: bool(receiver.received))
