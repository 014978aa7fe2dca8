"""The suite for the queue and log of webhook deliveries: `tekana.ports.webhook_deliveries`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tekana.application import Command, CreateWebhookEndpoint, ResendWebhookDelivery, UpdateWebhookEndpoint
from tekana.application.commands.command import AnswerT
from tekana.application.tekana import refusal_of
from tekana.domain.caller import Caller
from tekana.domain.errors import InvalidRequest, WebhookDeliveryNotFound
from tekana.domain.identifiers import WebhookDeliveryId
from tekana.domain.webhook_answers import ChangedWebhook, ConfiguredWebhook, QueuedWebhook
from tekana.domain.webhooks import DeliveryAttempt, NewWebhookDelivery, WebhookDelivery, WebhookEndpoint
from tekana.ports.page import PageRequest
from tekana.ports.webhook_deliveries import ATTEMPTS_MAX, DeliveryOutcome, FinishedAttempt, WebhookDeliveries
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import by_hand
from tekana.testing.contracts.ledger_checks import every

ME, OTHER = builders.caller("me"), builders.caller("another caller")
URL = "https://example.com/hooks"
LONG = 60.0
HOUR = timedelta(hours=1)


class WebhookDeliveriesContract(Contract):
    """What the queue and log of deliveries must do. Part of `WebhooksContract`."""

    async def test_a_stream_is_delivered_one_by_one_in_its_order(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        one, other = uuid7(), uuid7()
        await queue.queue([*new_stream(endpoint, one, 3), *new_stream(endpoint, other, 2)])
        seen: list[tuple[UUID, int]] = []
        while claimed := await queue.claim({endpoint.id: 10}, 10, LONG):
            assert len({delivery.aggregate_id for delivery in claimed}) == len(claimed)
            assert not await queue.claim({endpoint.id: 10}, 10, LONG)
            for delivery in claimed:
                seen.append((delivery.aggregate_id, delivery.sequence))
                assert await recorded(queue, delivery, success(delivery), "delivered") == timedelta(0)
        assert [sequence for stream, sequence in seen if stream == one] == [1, 2, 3]
        assert [sequence for stream, sequence in seen if stream == other] == [1, 2]
        await queue.queue(new_stream(endpoint, one, 4))  # three of these were queued before
        [fourth] = await queue.claim({endpoint.id: 10}, 10, LONG)
        assert fourth.sequence == 4

    async def test_a_failure_holds_back_its_stream_only(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        bad, good = uuid7(), uuid7()
        await queue.queue([*new_stream(endpoint, bad, 2), *new_stream(endpoint, good, 2)])
        claimed = {one.aggregate_id: one for one in await queue.claim({endpoint.id: 10}, 10, LONG)}
        assert await recorded(queue, claimed[bad], failure(claimed[bad]), HOUR) == timedelta(0)
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since == clock()
        clock.advance(HOUR / 2)
        await recorded(queue, claimed[good], success(claimed[good]), "delivered")
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since is None
        [second] = await queue.claim({endpoint.id: 10}, 10, LONG)
        assert (second.aggregate_id, second.sequence) == (good, 2)
        await recorded(queue, second, success(second), "delivered")
        clock.advance(HOUR / 2)
        [again] = await queue.claim({endpoint.id: 10}, 10, LONG)
        assert (again.id, again.tries, len(again.attempts)) == (claimed[bad].id, 1, 1)
        await recorded(queue, again, failure(again), "failed")
        [following] = await queue.claim({endpoint.id: 10}, 10, LONG)
        assert (following.aggregate_id, following.sequence) == (bad, 2)
        clock.advance(HOUR)
        assert await recorded(queue, following, failure(following), HOUR) == HOUR
        ended = await queue.get(ME, again.id)
        assert (ended.status, ended.tries, ended.ended_at) == ("failed", 2, clock() - HOUR)

    async def test_capacity_and_claims_that_end(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        one, other = [await create(store) for _ in range(2)]
        await queue.queue([*(new_stream(one, uuid7(), 1)[0] for _ in range(5)), *new_stream(other, uuid7(), 2)])
        claimed = await queue.claim({one.id: 3, other.id: 3}, 10, LONG)
        assert sorted(delivery.endpoint_id for delivery in claimed) == [one.id] * 3 + [other.id]
        assert len(await queue.claim({one.id: 3}, 10, LONG)) == 2
        assert not await queue.claim({one.id: 3}, 10, LONG)
        clock.advance(timedelta(seconds=LONG))
        again = await queue.claim({one.id: 10, other.id: 10}, 20, LONG)
        assert sorted(delivery.sequence for delivery in again) == [1] * 6

    async def test_claimers_at_once(self, store: WebhookStore, stores: Sequence[WebhookStore]) -> None:
        endpoint = await create(store)
        await store.webhook_deliveries.queue([new_stream(endpoint, uuid7(), 1)[0] for _ in range(40)])
        claims = [
            stores[number % len(stores)].webhook_deliveries.claim({endpoint.id: 5}, 5, LONG) for number in range(12)
        ]
        claimed = [delivery.id for some in await asyncio.gather(*claims) for delivery in some]
        while more := await store.webhook_deliveries.claim({endpoint.id: 5}, 5, LONG):
            claimed += [delivery.id for delivery in more]
        assert len(claimed) == len(set(claimed)) == 40

    async def test_what_is_queued_while_a_stream_ends_is_claimed(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        stream = uuid7()
        for sequence in range(1, 31):
            added = queue.queue([new_delivery(endpoint, stream, sequence + 1)])
            if sequence == 1:
                await queue.queue([new_delivery(endpoint, stream, 1)])
            [delivery] = await queue.claim({endpoint.id: 1}, 1, LONG)
            assert delivery.sequence == sequence
            await asyncio.gather(added, recorded(queue, delivery, success(delivery), "delivered"))

    async def test_the_log(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 3))
        newest_first = await every(lambda page: queue.list(ME, endpoint.id, page))
        assert [one.sequence for one in newest_first] == [3, 2, 1]
        assert {(one.status, one.tries, one.attempts, one.ended_at) for one in newest_first} == {
            ("pending", 0, (), None)
        }
        [delivery] = await queue.claim({endpoint.id: 1}, 1, LONG)
        for number in range(ATTEMPTS_MAX + 2):
            attempt = DeliveryAttempt(clock(), number, None, error=f"naïve {number}")
            await recorded(queue, delivery, attempt, timedelta(0))
            [delivery] = await queue.claim({endpoint.id: 1}, 1, LONG)
        assert [one.duration_ms for one in delivery.attempts] == list(range(2, ATTEMPTS_MAX + 2))
        done = DeliveryAttempt(clock(), 7, 204, answer="\N{REPLACEMENT CHARACTER} \"'")
        await recorded(queue, delivery, done, "delivered")
        kept = await queue.get(ME, delivery.id)
        assert (kept.status, kept.ended_at, kept.attempts[-1]) == ("delivered", clock(), done)
        with pytest.raises(WebhookDeliveryNotFound):
            await queue.get(OTHER, delivery.id)
        with pytest.raises(InvalidRequest):
            await queue.list(ME, endpoint.id, PageRequest(1, "nonsense"))
        clock.advance(HOUR)
        assert await queue.purge(2 * HOUR) == 0
        assert await queue.purge(HOUR / 2) == 1
        assert [one.sequence for one in await every(lambda page: queue.list(ME, endpoint.id, page))] == [3, 2]

    async def test_requesting_a_retry(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 2))
        [first] = await queue.claim({endpoint.id: 1}, 1, LONG)
        await recorded(queue, first, failure(first), "failed")
        [second] = await queue.claim({endpoint.id: 1}, 1, LONG)
        await resend(store, first.id)
        assert not await queue.claim({endpoint.id: 1}, 1, LONG)  # another of its stream is claimed
        await recorded(queue, second, failure(second), HOUR)
        retried = await resend(store, first.id)
        assert (retried.status, retried.tries, retried.ended_at, len(retried.attempts)) == ("pending", 0, None, 1)
        [again] = await queue.claim({endpoint.id: 1}, 1, LONG)
        assert again.id == first.id
        with pytest.raises(WebhookDeliveryNotFound):
            await resend(store, first.id, caller=OTHER)
        with pytest.raises(WebhookDeliveryNotFound):
            await resend(store, WebhookDeliveryId(uuid7()))

    async def test_capacity_is_dealt_in_turns(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        one, other = [await create(store) for _ in range(2)]
        await queue.queue([new_stream(one, uuid7(), 1)[0] for _ in range(20)])
        clock.advance(HOUR)
        await queue.queue([new_stream(other, uuid7(), 1)[0] for _ in range(20)])
        claimed = [delivery.endpoint_id for delivery in await queue.claim({one.id: 8, other.id: 8}, 6, LONG)]
        assert (claimed.count(one.id), claimed.count(other.id)) == (3, 3)
        claimed = [delivery.endpoint_id for delivery in await queue.claim({one.id: 2, other.id: 8}, 6, LONG)]
        assert (claimed.count(one.id), claimed.count(other.id)) == (0, 6)

    async def test_nothing_is_claimed_for_an_endpoint_that_is_not_active(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 1))
        await store.webhook_endpoints.disable(endpoint.id, "for now")
        assert not await queue.claim({endpoint.id: 1}, 1, LONG)
        await change(store, endpoint, status="active")
        assert len(await queue.claim({endpoint.id: 1}, 1, LONG)) == 1

    async def test_many_attempts_are_recorded_together(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        endpoints = [await create(store) for _ in range(4)]
        dead, mended, broken, well = (one.id for one in endpoints)
        await queue.queue([new_delivery(one, uuid7(), 1) for one in endpoints for _ in range(3)])
        claimed = await queue.claim({one.id: 3 for one in endpoints}, 12, LONG)
        of = {one.id: [each for each in claimed if each.endpoint_id == one.id] for one in endpoints}
        before = clock()
        await queue.record([FinishedAttempt(of[id_][0], failure(of[id_][0]), HOUR) for id_ in (dead, mended, broken)])
        clock.advance(HOUR / 2)
        results = {dead: (False, False), mended: (False, True), broken: (True, False), well: (True, True)}
        finished = [
            FinishedAttempt(each, success(each) if good else failure(each), "delivered" if good else HOUR)
            for turn in (0, 1)
            for id_, goods in results.items()
            for each, good in [(of[id_][turn + 1], goods[turn])]
        ]
        assert await queue.record(finished) == {dead: HOUR / 2, broken: timedelta(0)}
        since = [(await store.webhook_endpoints.get(ME, one.id)).failing_since for one in endpoints]
        assert since == [before, None, clock(), None]
        assert [
            (one.id, one.failing) for one in sorted(await store.webhook_endpoints.active(), key=lambda one: one.id)
        ] == [
            (dead, True),
            (mended, False),
            (broken, True),
            (well, False),
        ]
        for one in finished:
            kept = await queue.get(ME, one.delivery.id)
            assert (kept.status, kept.tries) == ("delivered" if one.outcome == "delivered" else "pending", 1)
            assert kept.attempts == (one.attempt,)
        assert await queue.record([]) == {}


async def recorded(
    queue: WebhookDeliveries, delivery: WebhookDelivery, attempt: DeliveryAttempt, outcome: DeliveryOutcome
) -> timedelta:
    """Record one attempt. Return the time since the first failure after the endpoint's last success."""
    failing = await queue.record([FinishedAttempt(delivery, attempt, outcome)])
    return failing.get(delivery.endpoint_id, timedelta(0))


async def execute(
    store: WebhookStore, command: Command[AnswerT], *, caller: Caller = ME, key: str | None = None
) -> AnswerT:
    """Decide a command in a unit of work of its own. Raises Refused."""
    answer, _ = await by_hand(store, command, key, caller.subject)
    if isinstance(answer, ConfiguredWebhook | ChangedWebhook | QueuedWebhook):
        raise answer.not_found()
    error = refusal_of(answer)
    if error is not None:
        raise error
    return cast("AnswerT", answer)


async def create(
    store: WebhookStore,
    *,
    caller: Caller = ME,
    event_types: tuple[str, ...] | None = None,
    description: str | None = None,
    key: str | None = None,
) -> WebhookEndpoint:
    """Create an endpoint."""
    command = CreateWebhookEndpoint(url=URL, description=description, event_types=event_types)
    return await execute(store, command, caller=caller, key=key)


async def change(
    store: WebhookStore, endpoint: WebhookEndpoint, *, caller: Caller = ME, **changes: Any
) -> WebhookEndpoint:
    """Change an endpoint. Return it as the store has it then."""
    await execute(store, UpdateWebhookEndpoint(endpoint_id=endpoint.id, **changes), caller=caller)
    return await store.webhook_endpoints.get(caller, endpoint.id)


async def resend(store: WebhookStore, delivery_id: WebhookDeliveryId, *, caller: Caller = ME) -> WebhookDelivery:
    """Have a delivery sent again. Return it as the store has it then."""
    answer = await execute(store, ResendWebhookDelivery(delivery_id=delivery_id), caller=caller)
    kept = await store.webhook_deliveries.get(caller, delivery_id)
    assert answer == kept
    return kept


def new_delivery(endpoint: WebhookEndpoint, stream: UUID, sequence: int) -> NewWebhookDelivery:
    """Return a delivery to queue."""
    event_id = f"{stream}:{sequence}"
    return NewWebhookDelivery(
        id=WebhookDeliveryId(uuid7()),
        endpoint_id=endpoint.id,
        aggregate_id=stream,
        sequence=sequence,
        event_id=event_id,
        event_type="WalletOpened",
        body=f'{{"id":"{event_id}"}}',
    )


def new_stream(endpoint: WebhookEndpoint, stream: UUID, length: int) -> list[NewWebhookDelivery]:
    """Return the first deliveries of a stream."""
    return [new_delivery(endpoint, stream, sequence) for sequence in range(1, length + 1)]


def success(delivery: WebhookDelivery) -> DeliveryAttempt:
    """Return an attempt that succeeded."""
    return DeliveryAttempt(delivery.created_at, 12, 200, answer="thanks")


def failure(delivery: WebhookDelivery) -> DeliveryAttempt:
    """Return an attempt that failed."""
    return DeliveryAttempt(delivery.created_at, 12, 500, answer="sorry")
