"""The dispatcher: every event arrives, in order and signed; failures are retried for days, and delay no others."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tekana.application import (
    CreateWebhookEndpoint,
    ResendWebhookDelivery,
    RotateWebhookSecret,
    SendWebhookTest,
    Session,
    UpdateWebhookEndpoint,
)
from tekana.application.webhooks import attempt as attempts
from tekana.application.webhooks.attempt import RETRY_DELAYS
from tekana.application.webhooks.capacity import ENDPOINT_CONCURRENCY_MAX
from tekana.application.webhooks.signature import signature_headers
from tekana.application.workers.webhook_dispatcher import DISABLE_AFTER
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.receiver import Received, Receiver, receiving
from tests.webhooks.support import (
    PATIENCE,
    app,
    clock,
    dispatching,
    feed,
    moved,
    owner,
    quick,
    receiver,
    sequences,
    store,
    store_url,
    until,
    until_logged,
)

__all__ = ["app", "clock", "owner", "quick", "receiver", "store", "store_url"]


async def test_everything_arrives_once_in_order_and_signed(
    store: WebhookStore, app: Session, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    await moved(app, 1)
    before = len(await feed(store))
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    async with dispatching(store, clock):
        await moved(app, 20)
        wanted = (await feed(store))[before:]
        await until(lambda: len(receiver.received) >= len(wanted))
        await until_logged(owner, endpoint, lambda found: all(one.status == "delivered" for one in found))
    assert sorted(one["id"] for one in receiver.events) == sorted(one["id"] for one in wanted)
    for arrived in sequences(receiver.events).values():
        assert arrived == sorted(arrived)
    for one in receiver.received:
        assert Webhook(endpoint.secret).verify(one.body, one.headers) == one.event
        assert one.headers["webhook-id"] == one.event["id"]
        assert one.headers["content-type"] == "application/json"
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint.secret).verify(one.body + b" ", one.headers)


async def test_filters_and_several_endpoints(
    store: WebhookStore, app: Session, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    async with receiving() as other:
        await owner.execute(CreateWebhookEndpoint(url=receiver.url, event_types=("WalletOpened", "FundsTransferred")))
        await owner.as_caller(builders.caller("another caller")).execute(CreateWebhookEndpoint(url=other.url))
        async with dispatching(store, clock):
            await moved(app, 3)
            everything = await feed(store)
            wanted = [one for one in everything if one["type"] in ("WalletOpened", "FundsTransferred")]
            await until(lambda: len(receiver.received) == len(wanted) and len(other.received) == len(everything))
    assert {one["type"] for one in receiver.events} == {"WalletOpened", "FundsTransferred"}


async def test_after_a_new_secret_both_sign(
    store: WebhookStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    first = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    second = await owner.execute(RotateWebhookSecret(endpoint_id=first.id))
    assert second.secret != first.secret
    async with dispatching(store, clock):
        await owner.execute(SendWebhookTest(endpoint_id=first.id))
        await until(lambda: len(receiver.received) == 1)
    [one] = receiver.received
    assert one.event["type"] == "WebhookTest"
    assert len(one.headers["webhook-signature"].split()) == 2
    for endpoint in (first, second):
        Webhook(endpoint.secret).verify(one.body, one.headers)


async def test_a_failing_wallet_holds_back_only_itself(
    store: WebhookStore, app: Session, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    sick = await a_wallet(app, "1000")
    well = await a_wallet(app, "1000")
    mended = False

    def answer(one: Received) -> int:
        event: dict[str, Any] = json.loads(one.body)
        return 500 if event["aggregate_id"] == str(sick.id) and event["sequence"] >= 3 and not mended else 200

    receiver.answer = answer
    async with dispatching(store, clock):
        for number in range(5):
            await app.execute(builders.transfer(sick.id, well.id, "1"), key=str(number))
        wanted = await feed(store)
        held = [one for one in wanted if one["aggregate_id"] == str(sick.id) and one["sequence"] >= 3]
        await until(lambda: len({one["id"] for one in receiver.events}) == len(wanted) - len(held) + 1)
        await until_logged(owner, endpoint, lambda found: any(one.tries and one.status == "pending" for one in found))
        mended = True
        clock.advance(2 * RETRY_DELAYS[0])
        await until(lambda: len({one["id"] for one in receiver.events}) == len(wanted))
    arrived = list(dict.fromkeys(sequences(receiver.events)[str(sick.id)]))
    assert arrived == list(range(1, len(arrived) + 1))


async def test_retries_for_three_days_and_no_longer(
    store: WebhookStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    receiver.answer = lambda _: 503
    receiver.body = b"\xff\x00" + b"x" * 5000
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    began = clock()
    async with dispatching(store, clock):
        await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        for number, delay in enumerate(RETRY_DELAYS, 1):
            await until_logged(owner, endpoint, lambda found, number=number: found[0].tries == number)  # type: ignore[misc]
            clock.advance(0.85 * delay)
            await asyncio.sleep(0.08)
            assert len(receiver.received) == number  # not yet
            clock.advance(0.3 * delay)
        [delivery] = await until_logged(owner, endpoint, lambda found: found[0].status == "failed")
    assert timedelta(days=2.5) < sum(RETRY_DELAYS, timedelta()) < timedelta(days=3.5)
    assert len(receiver.received) == len(delivery.attempts) == len(RETRY_DELAYS) + 1
    assert delivery.attempts[0].at == began
    assert {one.headers["webhook-id"] for one in receiver.received} == {delivery.event_id}
    assert len({one.headers["webhook-timestamp"] for one in receiver.received}) == len(receiver.received)
    for attempt in delivery.attempts:
        assert (attempt.status_code, attempt.error) == (503, None)
        assert attempt.answer == "\N{REPLACEMENT CHARACTER}" * 2 + "x" * 1022
    failing = (await owner.webhooks.get(endpoint.id)).failing_since
    assert failing == began

    receiver.answer = lambda _: 204
    receiver.body = b""
    resent = await owner.execute(ResendWebhookDelivery(delivery_id=delivery.id))
    assert resent.status == "pending"
    async with dispatching(store, clock):
        await until_logged(owner, endpoint, lambda found: found[0].status == "delivered")
    assert (await owner.webhooks.get(endpoint.id)).failing_since is None


async def test_an_endpoint_that_only_fails_is_disabled_with_notice(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    clock: FrozenClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver.answer = lambda _: 404
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    async with dispatching(store, clock):
        await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        await until_logged(owner, endpoint, lambda found: found[0].tries == 1)
        clock.advance(DISABLE_AFTER - timedelta(seconds=1))
        await until_logged(owner, endpoint, lambda found: found[0].tries == 2)
        assert (await owner.webhooks.get(endpoint.id)).status == "active"
        clock.advance(timedelta(hours=1))
        with caplog.at_level(logging.WARNING, "tekana.webhooks"):
            await until_logged(owner, endpoint, lambda found: found[0].tries == 3)
            await until(lambda: "is disabled: nothing but failures for 5 days" in caplog.text)
        disabled = await owner.webhooks.get(endpoint.id)
        assert (disabled.status, disabled.disabled_reason) == ("disabled", "nothing but failures for 5 days")
        clock.advance(timedelta(days=1))
        await asyncio.sleep(0.1)
        assert len(receiver.received) == 3
        receiver.answer = lambda _: 200
        enabled = await owner.execute(UpdateWebhookEndpoint(endpoint_id=endpoint.id, status="active"))
        assert (enabled.status, enabled.disabled_reason, enabled.failing_since) == ("active", None, None)
        await until_logged(owner, endpoint, lambda found: found[0].status == "delivered")


async def test_one_that_is_gone_is_disabled_at_once(
    store: WebhookStore, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    receiver.answer = lambda _: 410
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    async with dispatching(store, clock):
        await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        async with asyncio.timeout(PATIENCE):
            while (await owner.webhooks.get(endpoint.id)).disabled_reason is None:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.02)
    assert (await owner.webhooks.get(endpoint.id)).disabled_reason == "it answered 410 Gone"


async def test_a_hanging_endpoint_delays_no_other(
    store: WebhookStore, app: Session, owner: Session, receiver: Receiver, clock: FrozenClock
) -> None:
    async with receiving() as slow:
        slow.answer = lambda _: None
        await owner.execute(CreateWebhookEndpoint(url=slow.url))
        await owner.execute(CreateWebhookEndpoint(url=receiver.url))
        async with dispatching(store, clock):
            await moved(app, 20)
            wanted = len(await feed(store))
            await until(lambda: len(receiver.received) == wanted)
        assert len(slow.received) <= ENDPOINT_CONCURRENCY_MAX


async def test_no_answer_in_time_is_a_failure(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "REQUEST_TIMEOUT_SECONDS", 0.2)
    receiver.answer = lambda _: None
    endpoint = await owner.execute(CreateWebhookEndpoint(url=receiver.url))
    async with dispatching(store, clock):
        await owner.execute(SendWebhookTest(endpoint_id=endpoint.id))
        [delivery] = await until_logged(owner, endpoint, lambda found: found[0].tries == 1)
    [attempt] = delivery.attempts
    assert (attempt.status_code, attempt.error) == (None, "no answer within 0.2 seconds")
    assert attempt.duration_ms >= 190


def test_the_signature_of_the_standards_example() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    headers = signature_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
