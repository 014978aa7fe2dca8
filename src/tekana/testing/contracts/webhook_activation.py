"""The suite for which events an endpoint gets: those that happen after it becomes active, and none from before."""

from __future__ import annotations

from collections.abc import Sequence

from uuid_utils.compat import uuid7

from tekana.application import Session
from tekana.application.webhooks.event_queue import WebhookEventQueue
from tekana.application.workers.relay import Relay
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.webhook_endpoints import RELAY
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.contracts.webhook_helpers import LONG, ME, change, create

_A_WALLET = ["CustomerRegistered", "WalletOpened"]


class WebhookActivationContract(Contract):
    """What an endpoint gets of the feed. Part of `WebhooksContract`."""

    async def test_what_is_active_first_begins_where_the_feed_ends(self, store: WebhookStore, app: Session) -> None:
        outbox, kept = store.outbox(RELAY), store.webhook_endpoints
        await a_wallet(app, "1")
        first = await create(store)
        epoch = await outbox.lease.acquire("one", LONG)
        assert epoch is not None
        assert not await outbox.read(await outbox.cursor(), 100)
        await a_wallet(app, "1")
        await create(store)  # the first is on its way: nothing is passed over
        assert len(await outbox.read((await outbox.state()).cursor, 100)) > 3
        await outbox.lease.renew(epoch, LONG)
        for endpoint in await kept.active():
            await kept.disable(endpoint.id, "for a while")
        await a_wallet(app, "1")
        await change(store, first, status="active")
        assert not await outbox.read((await outbox.state()).cursor, 100)
        await a_wallet(app, "1")
        await change(store, first, status="active")  # it is already
        assert await outbox.read((await outbox.state()).cursor, 100)

    async def test_a_new_endpoint_gets_nothing_from_before_although_the_queue_is_behind(
        self, store: WebhookStore, app: Session
    ) -> None:
        first = await create(store)
        await a_wallet(app)  # not queued yet when the second endpoint is added
        second = await create(store)
        await queue_events(store)
        assert await queued_for(store, first) == _A_WALLET
        assert await queued_for(store, second) == []
        await a_wallet(app)
        await queue_events(store)
        assert await queued_for(store, first) == 2 * _A_WALLET
        assert await queued_for(store, second) == _A_WALLET

    async def test_an_endpoint_that_is_enabled_gets_nothing_from_before_although_the_queue_is_behind(
        self, store: WebhookStore, app: Session
    ) -> None:
        first, second = await create(store), await create(store)
        await change(store, second, status="disabled")
        await a_wallet(app)
        await change(store, second, status="active")
        await change(store, second, status="active")  # it is already: that is no activation
        await queue_events(store)
        assert await queued_for(store, first) == _A_WALLET
        assert await queued_for(store, second) == []
        await a_wallet(app)
        await change(store, second, status="active", description="still")
        await queue_events(store)
        assert await queued_for(store, second) == _A_WALLET

    async def test_what_was_read_before_an_activation_is_not_queued_after_it(
        self, store: WebhookStore, app: Session
    ) -> None:
        endpoint = await create(store)
        await store.webhook_endpoints.disable(endpoint.id, "it never answers")
        before = await store.outbox(RELAY).cursor()
        await a_wallet(app)
        run = await store.outbox(RELAY).read(before, 100)
        assert len(run) == len(_A_WALLET)
        await change(store, endpoint, status="active")
        await WebhookEventQueue(store, uuid7).publish(run)
        assert await queued_for(store, endpoint) == []

    async def test_what_was_read_while_active_is_queued_after_an_update(
        self, store: WebhookStore, app: Session
    ) -> None:
        endpoint = await create(store)
        before = await store.outbox(RELAY).cursor()
        await a_wallet(app)
        run = await store.outbox(RELAY).read(before, 100)
        await change(store, endpoint, status="active", description="second")
        await WebhookEventQueue(store, uuid7).publish(run)
        assert await queued_for(store, endpoint) == _A_WALLET


async def queue_events(store: WebhookStore) -> None:
    """Queue everything that has happened, as the relay of webhooks does."""
    outbox = store.outbox(RELAY)
    epoch = await outbox.lease.acquire("a relay", LONG)
    assert epoch is not None
    relay = Relay(outbox, WebhookEventQueue(store, uuid7).publish)
    while await relay.run_once(epoch) == 0.0:
        pass
    await outbox.lease.release(epoch)


async def queued_for(store: WebhookStore, endpoint: WebhookEndpoint) -> Sequence[str]:
    """Return the types of the events that are queued for an endpoint, oldest first."""
    found = await every(lambda page: store.webhook_deliveries.list(ME, endpoint.id, page))
    return [one.event_type for one in reversed(found)]
