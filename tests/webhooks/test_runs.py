"""Runs: several deliveries of a stream are claimed together, sent one after another, and recorded together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

import pytest
from uuid_utils.compat import uuid7

from tekana.application import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    RotateWebhookSecret,
    Session,
    UpdateWebhookEndpoint,
)
from tekana.application.webhooks.attempt import REQUEST_TIMEOUT_SECONDS, RETRY_DELAYS
from tekana.application.workers import webhook_dispatcher as dispatchers
from tekana.application.workers.webhook_dispatcher import CLAIM_SECONDS, RUN_LENGTH_MAX, RUN_SECONDS
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.webhook_helpers import new_stream
from tekana.testing.receiver import Received, Receiver
from tests.webhooks.support import (
    app,
    clock,
    dispatching,
    log,
    owner,
    quick,
    receiver,
    store,
    store_url,
    until,
    until_logged,
)

__all__ = ["app", "clock", "owner", "quick", "receiver", "store", "store_url"]

LENGTH = 10


@pytest.fixture
async def endpoint(owner: Session, receiver: Receiver) -> WebhookEndpoint:
    return await owner.execute(CreateWebhookEndpoint(url=receiver.url))


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that no time limit cuts."""
    monkeypatch.setattr(dispatchers, "RUN_SECONDS", 600.0)


async def queued(store: WebhookStore, endpoint: WebhookEndpoint, length: int = LENGTH) -> list[str]:
    """Queue a new stream. Return the ids of its events."""
    new = new_stream(endpoint, uuid7(), length)
    await store.webhook_deliveries.queue(new)
    return [one.event_id for one in new]


def ids(received: Sequence[Received]) -> list[str]:
    return [one.headers["webhook-id"] for one in received]


def all_delivered(found: Sequence[WebhookDelivery]) -> bool:
    return all(one.status == "delivered" for one in found)


def hold(receiver: Receiver, number: int) -> None:
    """Keep the response to a request, the first being 1, until `may_answer` is set."""

    def answer(_: Received) -> int:
        if len(receiver.received) == number:
            receiver.may_answer.clear()
        return 200

    receiver.answer = answer


async def held(receiver: Receiver, number: int) -> None:
    await until(lambda: len(receiver.received) == number)


async def test_a_claim_and_a_record_serve_many_deliveries_of_a_stream(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    endpoint: WebhookEndpoint,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    unlimited: None,
) -> None:
    recorded: list[int] = []
    deliveries = type(store.webhook_deliveries)
    record = deliveries.record

    async def counted(self: object, runs: Sequence[object]) -> object:
        recorded.append(len(runs))
        return await record(self, runs)  # type: ignore[arg-type]

    monkeypatch.setattr(deliveries, "record", counted)
    wanted = await queued(store, endpoint, 10 * RUN_LENGTH_MAX)
    async with dispatching(store, clock):
        await until_logged(owner, endpoint, all_delivered)
    assert ids(receiver.received) == wanted
    assert sum(recorded) == 10


async def test_dispatchers_at_once_send_nothing_twice(
    store: WebhookStore, owner: Session, receiver: Receiver, endpoint: WebhookEndpoint, clock: FrozenClock
) -> None:
    streams = [await queued(store, endpoint, 40) for _ in range(4)]
    async with dispatching(store, clock), dispatching(store, clock):
        await until_logged(owner, endpoint, all_delivered)
    arrived = ids(receiver.received)
    assert len(arrived) == 160
    for stream in streams:
        assert [one for one in arrived if one in stream] == stream


async def test_a_failure_in_the_middle_of_a_run_stops_it(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    endpoint: WebhookEndpoint,
    clock: FrozenClock,
    unlimited: None,
) -> None:
    wanted = await queued(store, endpoint)
    receiver.answer = lambda one: 500 if one.headers["webhook-id"] == wanted[4] else 200
    async with dispatching(store, clock):
        found = await until_logged(owner, endpoint, lambda found: sum(one.tries for one in found) == 5)
        assert [one.status for one in reversed(found)] == ["delivered"] * 4 + ["pending"] * 6
        await asyncio.sleep(0.2)
        assert ids(receiver.received) == wanted[:5]
        receiver.answer = lambda _: 200
        clock.advance(2 * RETRY_DELAYS[0])
        await until_logged(owner, endpoint, all_delivered)
    assert ids(receiver.received) == wanted[:5] + wanted[4:]


@pytest.mark.parametrize("change", ["disabled", "deleted"])
async def test_an_endpoint_that_is_disabled_or_deleted_gets_nothing_more_of_a_run(
    change: str, store: WebhookStore, owner: Session, receiver: Receiver, endpoint: WebhookEndpoint, clock: FrozenClock
) -> None:
    wanted = await queued(store, endpoint)
    hold(receiver, 3)
    disable = UpdateWebhookEndpoint(endpoint_id=endpoint.id, status="disabled")
    async with dispatching(store, clock):
        await held(receiver, 3)
        await owner.execute(disable if change == "disabled" else DeleteWebhookEndpoint(endpoint_id=endpoint.id))
        await asyncio.sleep(RUN_SECONDS)
        receiver.may_answer.set()
        await asyncio.sleep(0.3)
        assert ids(receiver.received) == wanted[:3]
        if change == "disabled":
            await until_logged(owner, endpoint, lambda found: sum(one.status == "delivered" for one in found) == 3)
            await owner.execute(UpdateWebhookEndpoint(endpoint_id=endpoint.id, status="active"))
            await until_logged(owner, endpoint, all_delivered)
            assert ids(receiver.received) == wanted


async def test_a_run_that_takes_long_is_cut_and_the_endpoint_read_again(
    store: WebhookStore, owner: Session, receiver: Receiver, endpoint: WebhookEndpoint, clock: FrozenClock
) -> None:
    wanted = await queued(store, endpoint)
    hold(receiver, 1)
    async with dispatching(store, clock):
        await held(receiver, 1)
        await owner.execute(RotateWebhookSecret(endpoint_id=endpoint.id))
        await asyncio.sleep(RUN_SECONDS)
        hold(receiver, 2)
        receiver.may_answer.set()
        await held(receiver, 2)
        assert [one.status for one in reversed(await log(owner, endpoint))] == ["delivered"] + ["pending"] * 9
        receiver.may_answer.set()
        await until_logged(owner, endpoint, all_delivered)
    assert ids(receiver.received) == wanted
    assert [len(one.headers["webhook-signature"].split()) for one in receiver.received[:2]] == [1, 2]


def test_a_claim_outlasts_a_run() -> None:
    last_sent, body_seconds = RUN_SECONDS + REQUEST_TIMEOUT_SECONDS, 1.0
    assert last_sent + body_seconds < CLAIM_SECONDS / 2


async def test_retry_after_stops_the_runs_of_other_streams(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    endpoint: WebhookEndpoint,
    clock: FrozenClock,
    unlimited: None,
) -> None:
    await queued(store, endpoint, 1)
    async with dispatching(store, clock):
        await until_logged(owner, endpoint, all_delivered)  # so that it gets two requests at once

        def answer(_: Received) -> int:
            if len(receiver.received) == 2:
                receiver.may_answer.clear()
                return 200
            receiver.headers = "retry-after: 2\r\n" if len(receiver.received) == 3 else ""
            return 429 if len(receiver.received) == 3 else 200

        receiver.answer = answer
        await store.webhook_deliveries.queue(
            [*new_stream(endpoint, uuid7(), LENGTH), *new_stream(endpoint, uuid7(), LENGTH)]
        )
        await held(receiver, 3)
        answered = monotonic()
        receiver.may_answer.set()
        await until_logged(owner, endpoint, lambda found: any(one.tries and one.status == "pending" for one in found))
        clock.advance(2 * RETRY_DELAYS[0])
        await until_logged(owner, endpoint, all_delivered)
    before_the_end = [one for one in receiver.received if answered < one.at < answered + 2]
    assert len(before_the_end) <= 1  # the next of the other run, if its response came first
    assert len(receiver.received) == 1 + 2 * LENGTH + 1


async def test_a_dispatcher_that_stops_records_what_it_has_sent_of_a_run(
    store: WebhookStore,
    owner: Session,
    receiver: Receiver,
    endpoint: WebhookEndpoint,
    clock: FrozenClock,
    unlimited: None,
) -> None:
    wanted = await queued(store, endpoint)
    hold(receiver, 3)
    async with dispatching(store, clock):
        await held(receiver, 3)
    assert sum(one.status == "delivered" for one in await log(owner, endpoint)) == 2
    receiver.answer = lambda _: 200
    receiver.may_answer.set()
    async with dispatching(store, clock):
        await until_logged(owner, endpoint, all_delivered)
    assert ids(receiver.received) == wanted[:3] + wanted[2:]
