"""Secrets of webhooks at rest: nowhere readable; what cannot be decrypted is skipped, and sent once it can be."""

from __future__ import annotations

import asyncio
import logging

import pytest
from standardwebhooks.webhooks import Webhook

from tekana.application import CreateWebhookEndpoint, RotateWebhookSecret, SendWebhookTest, Session
from tekana.application.webhooks.stored_secrets import decrypt_stored_secrets
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.clock import FrozenClock
from tekana.testing.receiver import Receiver, receiving
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture
from tests.webhooks.support import (
    KEY_PROVIDER,
    clock,
    dispatching,
    log,
    owner,
    quick,
    receiver,
    secrets_of,
    store,
    store_url,
    until,
    until_logged,
)

__all__ = ["clock", "owner", "quick", "receiver", "store", "store_url"]

LONG_ENOUGH_SECONDS = 0.5  # for many steps of a dispatcher


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
async def test_no_table_has_a_readable_secret(owner: Session, store_url: str) -> None:
    create = CreateWebhookEndpoint(url="https://example.com/hooks")
    created = await owner.execute(create, key="creation")
    await owner.execute(RotateWebhookSecret(endpoint_id=created.id), key="rotation")
    rotated = await owner.execute(create, key="creation")
    deleted = await owner.execute(create, key="another")
    async with superuser(store_url) as connection:
        found = str(await fixture.rows_of_all_tables(connection))
    assert str(created.id) in found
    for secret in (created.secret, rotated.secret, deleted.secret):
        assert secret.removeprefix("whsec_") not in found
    assert "whsec_" not in found


async def test_nothing_is_claimed_while_the_key_provider_is_lost(
    store: WebhookStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
    KEY_PROVIDER.lost = True
    try:
        async with dispatching(store, clock):
            await asyncio.sleep(LONG_ENOUGH_SECONDS)
            [waiting] = await log(owner, endpoint)
            assert (waiting.status, waiting.tries, receiver.received) == ("pending", 0, [])
            KEY_PROVIDER.lost = False
            [sent] = await until_logged(owner, endpoint, lambda found: found[0].status == "delivered")
            assert sent.tries == 1
    finally:
        KEY_PROVIDER.lost = False
    [arrived] = receiver.received
    Webhook(endpoint.secret).verify(arrived.body, arrived.headers)


async def test_an_endpoint_with_a_damaged_secret_holds_up_no_other(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    clock: FrozenClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving() as other:
        sick, well = [await owner.execute(CreateWebhookEndpoint(url=one.url)) for one in (other, receiver)]
        stored = {one.endpoint_id: one for one in await store.webhook_endpoints.stored_secrets(encrypted=True)}
        damaged = stored[sick.id]._replace(secret=stored[well.id].secret)
        assert await store.webhook_endpoints.replace_secrets(stored[sick.id], damaged)
        for endpoint in (sick, well):
            await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        with caplog.at_level(logging.ERROR, "tekana.webhooks"):
            async with dispatching(store, clock):
                await until_logged(owner, well, lambda found: found[0].status == "delivered")
                await until(lambda: f"endpoint {sick.id} gets nothing" in caplog.text)
        [waiting] = await log(owner, sick)
        assert (waiting.status, waiting.tries, other.received) == ("pending", 0, [])
    assert len(receiver.received) == 1


async def test_a_readable_secret_of_an_earlier_version_signs(
    store: WebhookStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    assert await decrypt_stored_secrets(store.webhook_endpoints, secrets_of(store)) == 1
    [readable] = await store.webhook_endpoints.stored_secrets(encrypted=False)
    assert readable.secret == endpoint.secret
    async with dispatching(store, clock):
        await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        await until(lambda: len(receiver.received) == 1)
    Webhook(endpoint.secret).verify(receiver.received[0].body, receiver.received[0].headers)
