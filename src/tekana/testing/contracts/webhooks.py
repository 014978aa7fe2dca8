"""The suite for a store that keeps webhooks: `tekana.ports.webhook_store`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from uuid_utils.compat import uuid7

from tekana.application import Session
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidRequest,
    WebhookDeliveryNotFound,
    WebhookEndpointNotFound,
)
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import ConfiguredWebhook
from tekana.ports.page import PageRequest
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.ports.webhook_endpoints import RELAY, NewWebhookEndpoint, WebhookClaim
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.contracts.webhook_deliveries import (
    HOUR,
    LONG,
    ME,
    OTHER,
    WebhookDeliveriesContract,
    failure,
    new_endpoint,
    new_stream,
    recorded,
)


class WebhooksContract(WebhookDeliveriesContract):
    """What a store of webhooks must do. A subclass has the fixture `store`, as for `StoreContract`."""

    async def test_an_endpoint_is_kept_as_it_is(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        new = new_endpoint(event_types=("WalletOpened", "FundsDeposited"), description="für Aline ✓")
        added = await kept.add(ME, new)
        assert (added.created_by, added.created_at, added.updated_at) == (ME, clock(), clock())
        assert (added.status, added.disabled_reason, added.failing_since, added.previous_secret) == (
            "active",
            None,
            None,
            None,
        )
        assert NewWebhookEndpoint(added.id, added.url, added.description, added.event_types, added.secret) == new
        assert await kept.get(ME, added.id) == added
        assert (await kept.add(ME, new_endpoint())).event_types is None

    async def test_endpoints_are_their_callers(self, store: WebhookStore) -> None:
        kept = store.webhook_endpoints
        mine, others = [await kept.add(ME, new_endpoint()) for _ in range(5)], await kept.add(OTHER, new_endpoint())
        assert await every(lambda page: kept.list(ME, page)) == mine
        assert (await kept.list(ME, PageRequest(2))).items == tuple(mine[:2])
        assert (await kept.list(OTHER, PageRequest())).items == (others,)
        assert (await kept.list("a third caller", PageRequest())).items == ()
        with pytest.raises(InvalidRequest):
            await kept.list(ME, PageRequest(1, "nonsense"))
        for refused in (
            kept.get(ME, others.id),
            kept.change(ME, others.id, {"url": "https://example.com/mine-now"}),
            kept.rotate_secret(ME, others.id, "whsec_bWluZQ==", HOUR),
            kept.delete(ME, others.id),
            store.webhook_deliveries.list(ME, others.id, PageRequest()),
        ):
            with pytest.raises(WebhookEndpointNotFound):
                await refused
        assert await kept.get(OTHER, others.id) == others
        active = sorted(await kept.active(), key=lambda one: one.id)
        assert [one.id for one in active] == [one.id for one in (*mine, others)]
        found = await kept.find_active({mine[0].id, others.id, WebhookEndpointId(uuid7())})
        assert sorted(found, key=lambda one: one.id) == [mine[0], others]

    async def test_changes(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        endpoint = await kept.add(ME, new_endpoint(event_types=("WalletOpened",), description="first"))
        later = clock.advance()
        changed = await kept.change(ME, endpoint.id, {"url": "https://example.com/b"})
        assert changed == replace(endpoint, url="https://example.com/b", updated_at=later)
        changed = await kept.change(ME, endpoint.id, {"event_types": None, "description": None})
        assert (changed.url, changed.event_types, changed.description) == ("https://example.com/b", None, None)
        off = await kept.change(ME, endpoint.id, {"status": "disabled", "disabled_reason": "for now"})
        assert (off.status, off.disabled_reason) == ("disabled", "for now")
        assert await kept.active() == []
        assert await kept.find_active([endpoint.id]) == []
        assert not await kept.disable(endpoint.id, "it is already")
        on = await kept.change(ME, endpoint.id, {"status": "active"})
        assert (on.status, on.disabled_reason) == ("active", None)
        assert await kept.disable(endpoint.id, "it never answers")
        assert (await kept.get(ME, endpoint.id)).disabled_reason == "it never answers"

    async def test_a_new_secret_and_the_one_before(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        first = await kept.add(ME, new_endpoint())
        second = await kept.rotate_secret(ME, first.id, "whsec_c2Vjb25k", HOUR)
        assert second.secrets(clock()) == ("whsec_c2Vjb25k", first.secret)
        third = await kept.rotate_secret(ME, first.id, "whsec_dGhpcmQ=", HOUR)
        assert third.secrets(clock()) == ("whsec_dGhpcmQ=", "whsec_c2Vjb25k")
        assert third.secrets(clock() + HOUR) == ("whsec_dGhpcmQ=",)

    async def test_a_key_does_a_thing_once(
        self, store: WebhookStore, stores: Sequence[WebhookStore], app: Session
    ) -> None:
        kept, new = store.webhook_endpoints, new_endpoint()
        claim = WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, "a key"), -1)
        assert await _used(store, claim) is None
        added = await kept.add(ME, new, claim)
        for each in stores:
            assert await _used(each, claim) == IdempotencyRecord(-1, ConfiguredWebhook(added.id))
        with pytest.raises(Conflict):
            await kept.add(ME, new_endpoint(), claim)
        with pytest.raises(Conflict):
            await kept.rotate_secret(ME, new.id, "whsec_c2Vjb25k", HOUR, claim)
        assert (await kept.list(ME, PageRequest())).items == (added,)
        assert await _used(store, claim._replace(key=IdempotencyKey(MAIN_TENANT, OTHER, "a key"))) is None
        with pytest.raises(IdempotencyKeyReused):
            await app.as_caller(builders.caller(ME)).execute(builders.person(), key="a key")
        await app.as_caller(builders.caller(ME)).execute(builders.person(), key="another")
        with pytest.raises(Conflict):
            await kept.add(ME, new_endpoint(), WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, "another"), -1))

        rotated = WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, "for a new secret"), 5)
        second = await kept.rotate_secret(ME, new.id, "whsec_c2Vjb25k", HOUR, rotated)
        assert await _used(store, rotated) == IdempotencyRecord(5, ConfiguredWebhook(second.id))
        in_vain = _fresh_claim()
        with pytest.raises(WebhookEndpointNotFound):
            await kept.rotate_secret(ME, WebhookEndpointId(uuid7()), "whsec_c2Vjb25k", HOUR, in_vain)
        assert await _used(store, in_vain) is None

    async def test_a_key_many_times_at_once(self, stores: Sequence[WebhookStore]) -> None:
        claim = _fresh_claim()
        adding = (stores[n % len(stores)].webhook_endpoints.add(ME, new_endpoint(), claim) for n in range(8))
        done = await asyncio.gather(*adding, return_exceptions=True)
        [added] = [one for one in done if not isinstance(one, Conflict)]
        assert (await stores[0].webhook_endpoints.list(ME, PageRequest())).items == (added,)

    async def test_a_deleted_endpoint_is_gone(self, store: WebhookStore) -> None:
        endpoint = await store.webhook_endpoints.add(ME, new_endpoint())
        await store.webhook_deliveries.queue(new_stream(endpoint, uuid7(), 3))
        [delivery] = await store.webhook_deliveries.claim({endpoint.id: 5}, 5, LONG)
        await store.webhook_endpoints.delete(ME, endpoint.id)
        await recorded(store.webhook_deliveries, delivery, failure(delivery), HOUR)  # it was claimed before
        assert await store.webhook_endpoints.active() == []
        assert (await store.webhook_endpoints.list(ME, PageRequest())).items == ()
        with pytest.raises(WebhookEndpointNotFound):
            await store.webhook_endpoints.get(ME, endpoint.id)
        for refused in (
            store.webhook_deliveries.get(ME, delivery.id),
            store.webhook_deliveries.request_retry(ME, delivery.id),
        ):
            with pytest.raises(WebhookDeliveryNotFound):
                await refused
        while await store.webhook_deliveries.purge(HOUR):
            pass

    async def test_what_is_active_first_begins_where_the_feed_ends(self, store: WebhookStore, app: Session) -> None:
        outbox, kept = store.outbox(RELAY), store.webhook_endpoints
        await a_wallet(app, "1")
        first = await kept.add(ME, new_endpoint())
        epoch = await outbox.lease.acquire("one", LONG)
        assert epoch is not None
        assert not await outbox.read(await outbox.cursor(), 100)
        await a_wallet(app, "1")
        await kept.add(ME, new_endpoint())  # the first is on its way: nothing is passed over
        assert len(await outbox.read((await outbox.state()).cursor, 100)) > 3
        await outbox.lease.renew(epoch, LONG)
        for endpoint in await kept.active():
            await kept.disable(endpoint.id, "for a while")
        await a_wallet(app, "1")
        await kept.change(ME, first.id, {"status": "active"})
        assert not await outbox.read((await outbox.state()).cursor, 100)
        await a_wallet(app, "1")
        await kept.change(ME, first.id, {"status": "active"})  # it is already
        assert await outbox.read((await outbox.state()).cursor, 100)


async def _used(store: WebhookStore, claim: WebhookClaim) -> IdempotencyRecord | None:
    async with store.begin() as unit:
        return (await unit.find_keys({claim.key})).get(claim.key)


def _fresh_claim() -> WebhookClaim:
    return WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, str(uuid7())), 7)
