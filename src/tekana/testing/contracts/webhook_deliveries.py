"""The suite for the queue and log of webhook deliveries: `tekana.ports.webhook_deliveries`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tekana.domain.errors import InvalidRequest, WebhookDeliveryNotFound
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt
from tekana.ports.page import PageRequest
from tekana.ports.webhook_deliveries import (
    ATTEMPTS_MAX,
    DeliveryOutcome,
    FinishedAttempt,
)
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.contracts.webhook_helpers import (
    HOUR,
    LONG,
    ME,
    OTHER,
    change,
    claim_one_of_each,
    create,
    finished,
    finished_with,
    first,
    new_delivery,
    new_stream,
    recorded,
    resend,
)


class WebhookDeliveriesContract(Contract):
    """What the queue and log of deliveries must do. Part of `WebhooksContract`."""

    async def test_a_stream_is_delivered_one_by_one_in_its_order(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        one, other = uuid7(), uuid7()
        await queue.queue([*new_stream(endpoint, one, 3), *new_stream(endpoint, other, 2)])
        seen: list[tuple[UUID, int]] = []
        while claimed := await claim_one_of_each(queue, {endpoint.id: 10}, 10):
            assert len({first(run).aggregate_id for run in claimed}) == len(claimed)
            assert not await claim_one_of_each(queue, {endpoint.id: 10}, 10)
            for run in claimed:
                seen.append((first(run).aggregate_id, first(run).sequence))
                assert await recorded(queue, run, "delivered") == timedelta(0)
        assert [sequence for stream, sequence in seen if stream == one] == [1, 2, 3]
        assert [sequence for stream, sequence in seen if stream == other] == [1, 2]
        await queue.queue(new_stream(endpoint, one, 4))  # three of these were queued before
        [fourth] = await claim_one_of_each(queue, {endpoint.id: 10}, 10)
        assert first(fourth).sequence == 4

    async def test_a_failure_holds_back_its_stream_only(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        bad, good = uuid7(), uuid7()
        await queue.queue([*new_stream(endpoint, bad, 2), *new_stream(endpoint, good, 2)])
        claimed = {first(run).aggregate_id: run for run in await claim_one_of_each(queue, {endpoint.id: 10}, 10)}
        assert await recorded(queue, claimed[bad], HOUR) == timedelta(0)
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since == clock()
        clock.advance(HOUR / 2)
        await recorded(queue, claimed[good], "delivered")
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since is None
        [second] = await claim_one_of_each(queue, {endpoint.id: 10}, 10)
        assert (first(second).aggregate_id, first(second).sequence) == (good, 2)
        await recorded(queue, second, "delivered")
        clock.advance(HOUR / 2)
        [again] = await claim_one_of_each(queue, {endpoint.id: 10}, 10)
        assert (first(again).id, first(again).tries, len(first(again).attempts)) == (first(claimed[bad]).id, 1, 1)
        await recorded(queue, again, "failed")
        [following] = await claim_one_of_each(queue, {endpoint.id: 10}, 10)
        assert (first(following).aggregate_id, first(following).sequence) == (bad, 2)
        clock.advance(HOUR)
        assert await recorded(queue, following, HOUR) == HOUR
        ended = await queue.get(ME, first(again).id)
        assert (ended.status, ended.tries, ended.ended_at) == ("failed", 2, clock() - HOUR)

    async def test_capacity_and_claims_that_end(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        one, other = [await create(store) for _ in range(2)]
        await queue.queue([*(new_stream(one, uuid7(), 1)[0] for _ in range(5)), *new_stream(other, uuid7(), 2)])
        claimed = await claim_one_of_each(queue, {one.id: 3, other.id: 3}, 10)
        assert sorted(run.endpoint_id for run in claimed) == [one.id] * 3 + [other.id]
        assert len(await claim_one_of_each(queue, {one.id: 3}, 10)) == 2
        assert not await claim_one_of_each(queue, {one.id: 3}, 10)
        clock.advance(timedelta(seconds=LONG))
        again = await claim_one_of_each(queue, {one.id: 10, other.id: 10}, 20)
        assert sorted(first(run).sequence for run in again) == [1] * 6

    async def test_claimers_at_once(self, store: WebhookStore, stores: Sequence[WebhookStore]) -> None:
        endpoint = await create(store)
        await store.webhook_deliveries.queue([new_stream(endpoint, uuid7(), 1)[0] for _ in range(40)])
        queues = [stores[number % len(stores)].webhook_deliveries for number in range(12)]
        claims = [claim_one_of_each(queue, {endpoint.id: 5}, 5) for queue in queues]
        claimed = [first(run).id for some in await asyncio.gather(*claims) for run in some]
        while more := await claim_one_of_each(store.webhook_deliveries, {endpoint.id: 5}, 5):
            claimed += [first(run).id for run in more]
        assert len(claimed) == len(set(claimed)) == 40

    async def test_what_is_queued_while_a_stream_ends_is_claimed(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        stream = uuid7()
        for sequence in range(1, 31):
            added = queue.queue([new_delivery(endpoint, stream, sequence + 1)])
            if sequence == 1:
                await queue.queue([new_delivery(endpoint, stream, 1)])
            [run] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
            assert first(run).sequence == sequence
            await asyncio.gather(added, recorded(queue, run, "delivered"))

    async def test_the_log(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 3))
        newest_first = await every(lambda page: queue.list(ME, endpoint.id, page))
        assert [one.sequence for one in newest_first] == [3, 2, 1]
        assert {(one.status, one.tries, one.attempts, one.ended_at) for one in newest_first} == {
            ("pending", 0, (), None)
        }
        [run] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
        for number in range(ATTEMPTS_MAX + 2):
            attempt = DeliveryAttempt(clock(), number, None, error=f"naïve {number}")
            await queue.record([finished(run, FinishedAttempt(first(run), attempt, timedelta(0)))])
            [run] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
        delivery = first(run)
        assert [one.duration_ms for one in delivery.attempts] == list(range(2, ATTEMPTS_MAX + 2))
        done = DeliveryAttempt(clock(), 7, 204, answer="\N{REPLACEMENT CHARACTER} \"'")
        await queue.record([finished(run, FinishedAttempt(delivery, done, "delivered"))])
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
        [run] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
        failed = first(run)
        await recorded(queue, run, "failed")
        [second] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
        await resend(store, failed.id)
        assert not await claim_one_of_each(queue, {endpoint.id: 1}, 1)  # another of its stream is claimed
        await recorded(queue, second, HOUR)
        retried = await resend(store, failed.id)
        assert (retried.status, retried.tries, retried.ended_at, len(retried.attempts)) == ("pending", 0, None, 1)
        [again] = await claim_one_of_each(queue, {endpoint.id: 1}, 1)
        assert first(again).id == failed.id
        with pytest.raises(WebhookDeliveryNotFound):
            await resend(store, failed.id, caller=OTHER)
        with pytest.raises(WebhookDeliveryNotFound):
            await resend(store, WebhookDeliveryId(uuid7()))

    async def test_capacity_is_dealt_in_turns(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        one, other = [await create(store) for _ in range(2)]
        await queue.queue([new_stream(one, uuid7(), 1)[0] for _ in range(20)])
        clock.advance(HOUR)
        await queue.queue([new_stream(other, uuid7(), 1)[0] for _ in range(20)])
        claimed = [run.endpoint_id for run in await claim_one_of_each(queue, {one.id: 8, other.id: 8}, 6)]
        assert (claimed.count(one.id), claimed.count(other.id)) == (3, 3)
        claimed = [run.endpoint_id for run in await claim_one_of_each(queue, {one.id: 2, other.id: 8}, 6)]
        assert (claimed.count(one.id), claimed.count(other.id)) == (0, 6)

    async def test_nothing_is_claimed_for_an_endpoint_that_is_not_active(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 1))
        await store.webhook_endpoints.disable(endpoint.id, "for now")
        assert not await claim_one_of_each(queue, {endpoint.id: 1}, 1)
        await change(store, endpoint, status="active")
        assert len(await claim_one_of_each(queue, {endpoint.id: 1}, 1)) == 1

    async def test_many_attempts_are_recorded_together(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        endpoints = [await create(store) for _ in range(4)]
        dead, mended, broken, well = (one.id for one in endpoints)
        await queue.queue([new_delivery(one, uuid7(), 1) for one in endpoints for _ in range(3)])
        claimed = await claim_one_of_each(queue, {one.id: 3 for one in endpoints}, 12)
        of = {one.id: [run for run in claimed if run.endpoint_id == one.id] for one in endpoints}
        before = clock()
        await queue.record([finished_with(of[id_][0], HOUR) for id_ in (dead, mended, broken)])
        clock.advance(HOUR / 2)
        results: dict[WebhookEndpointId, tuple[DeliveryOutcome, DeliveryOutcome]] = {
            dead: (HOUR, HOUR),
            mended: (HOUR, "delivered"),
            broken: ("delivered", HOUR),
            well: ("delivered", "delivered"),
        }
        runs = [
            finished_with(of[id_][turn + 1], outcomes[turn]) for turn in (0, 1) for id_, outcomes in results.items()
        ]
        assert await queue.record(runs) == {dead: HOUR / 2, broken: timedelta(0)}
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
        for one in (attempt for run in runs for attempt in run.attempts):
            kept = await queue.get(ME, one.delivery.id)
            assert (kept.status, kept.tries) == ("delivered" if one.outcome == "delivered" else "pending", 1)
            assert kept.attempts == (one.attempt,)
        assert await queue.record([]) == {}
