"""The suite for runs: deliveries of one stream that are claimed, and recorded, together."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.webhook_deliveries import DeliveryOutcome, DeliveryRun, WebhookDeliveries
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.contracts.webhook_helpers import (
    HOUR,
    LONG,
    ME,
    change,
    create,
    finished_with,
    new_stream,
    recorded,
    resend,
)

LENGTH = 4


class WebhookRunsContract(Contract):
    """What the claims of several deliveries of a stream must do. Part of `WebhooksContract`."""

    async def test_a_run_is_the_first_of_its_stream_in_their_order(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        long, short = uuid7(), uuid7()
        await queue.queue([*reversed(new_stream(endpoint, long, 10)), *new_stream(endpoint, short, 2)])
        seen: dict[UUID, list[list[int]]] = defaultdict(list)
        while runs := await claim(queue, endpoint):
            assert not await claim(queue, endpoint)
            for run in runs:
                assert {one.aggregate_id for one in run.deliveries} <= {long, short}
                seen[run.deliveries[0].aggregate_id].append(sequences(run))
                assert await recorded(queue, run, *all_delivered(run)) == timedelta(0)
        assert seen == {long: [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]], short: [[1, 2]]}
        assert {one.status for one in await log(store, endpoint)} == {"delivered"}

    async def test_a_failure_ends_a_run_and_holds_back_what_comes_after(
        self, store: WebhookStore, clock: FrozenClock
    ) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [run] = await claim(queue, endpoint)
        assert await recorded(queue, run, "delivered", "delivered", HOUR) == timedelta(0)
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since == clock()
        found = await log(store, endpoint)
        assert [(one.status, one.tries, len(one.attempts)) for one in found] == [
            *[("delivered", 1, 1)] * 2,
            ("pending", 1, 1),
            *[("pending", 0, 0)] * 3,
        ]
        clock.advance(HOUR - timedelta(seconds=1))
        assert not await claim(queue, endpoint)
        clock.advance(timedelta(seconds=1))
        [run] = await claim(queue, endpoint)
        assert sequences(run) == [3, 4, 5, 6]
        assert await recorded(queue, run, "failed") == HOUR
        [run] = await claim(queue, endpoint)
        assert sequences(run) == [4, 5, 6]
        assert await recorded(queue, run, *all_delivered(run)) == timedelta(0)
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since is None

    async def test_the_rest_of_a_run_that_was_cut_is_due_at_once(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [run] = await claim(queue, endpoint)
        await recorded(queue, run, "delivered")
        [run] = await claim(queue, endpoint)
        assert sequences(run) == [2, 3, 4, 5]

    async def test_a_run_that_is_not_recorded_is_claimed_again_as_it_was(
        self, store: WebhookStore, clock: FrozenClock
    ) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [lost] = await claim(queue, endpoint)
        clock.advance(timedelta(seconds=LONG))
        [again] = await claim(queue, endpoint)
        assert again.deliveries == lost.deliveries

    async def test_a_late_record_does_not_release_a_newer_claim(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [late] = await claim(queue, endpoint)
        clock.advance(timedelta(seconds=LONG))
        [newer] = await claim(queue, endpoint)
        await recorded(queue, late, "delivered", HOUR)
        assert not await claim(queue, endpoint)
        await recorded(queue, newer, *all_delivered(newer))
        await recorded(queue, late, "delivered", HOUR)  # and not what was released since
        assert [(one.status, one.tries) for one in await log(store, endpoint)] == [
            ("delivered", 1),
            ("delivered", 1),
            *[("delivered", 1)] * 2,
            *[("pending", 0)] * 2,
        ]
        [rest] = await claim(queue, endpoint)
        assert sequences(rest) == [5, 6]

    async def test_a_late_record_releases_a_stream_that_was_not_claimed_again(
        self, store: WebhookStore, clock: FrozenClock
    ) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [late] = await claim(queue, endpoint)
        clock.advance(timedelta(seconds=2 * LONG))
        await recorded(queue, late, "delivered", HOUR)
        assert not await claim(queue, endpoint)
        clock.advance(HOUR)
        [rest] = await claim(queue, endpoint)
        assert sequences(rest) == [2, 3, 4, 5]

    async def test_a_run_of_an_endpoint_that_is_disabled_meanwhile(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [run] = await claim(queue, endpoint)
        await store.webhook_endpoints.disable(endpoint.id, "for now")
        await recorded(queue, run, "delivered", "delivered")
        assert not await claim(queue, endpoint)
        await change(store, endpoint, status="active")
        [rest] = await claim(queue, endpoint)
        assert sequences(rest) == [3, 4, 5, 6]

    async def test_one_that_is_resent_while_a_run_is_claimed_comes_first_in_the_next(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await create(store)
        await queue.queue(new_stream(endpoint, uuid7(), 6))
        [run] = await claim(queue, endpoint)
        await recorded(queue, run, "failed")
        [second] = await claim(queue, endpoint)
        await resend(store, run.deliveries[0].id)
        assert not await claim(queue, endpoint)
        await recorded(queue, second, "delivered", "delivered")
        [third] = await claim(queue, endpoint)
        assert sequences(third) == [1, 4, 5, 6]

    async def test_runs_are_recorded_together_whatever_their_lengths(self, store: WebhookStore) -> None:
        queue = store.webhook_deliveries
        well, sick = await create(store), await create(store)
        for endpoint in (well, sick):
            await queue.queue([one for length in range(1, 6) for one in new_stream(endpoint, uuid7(), length)])
        runs = [run for endpoint in (well, sick) for run in await claim(queue, endpoint)]
        assert sorted(len(run.deliveries) for run in runs) == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]
        ends: dict[WebhookEndpointId, DeliveryOutcome] = {well.id: "delivered", sick.id: HOUR}
        finished = [finished_with(run, *all_delivered(run)[1:], ends[run.endpoint_id]) for run in runs]
        assert await queue.record(finished) == {sick.id: timedelta(0)}
        [rest] = await claim(queue, well)
        assert sequences(rest) == [5]
        assert not await claim(queue, sick)

    async def test_runs_of_claimers_at_once(self, store: WebhookStore, stores: Sequence[WebhookStore]) -> None:
        endpoint = await create(store)
        streams = [uuid7() for _ in range(3)]
        await store.webhook_deliveries.queue([one for stream in streams for one in new_stream(endpoint, stream, 30)])
        sent: dict[UUID, list[int]] = defaultdict(list)

        async def dispatch(queue: WebhookDeliveries) -> None:
            while sum(map(len, sent.values())) < 90:
                for run in await claim(queue, endpoint):
                    sent[run.deliveries[0].aggregate_id] += sequences(run)
                    await recorded(queue, run, *all_delivered(run))

        await asyncio.gather(*(dispatch(stores[number % len(stores)].webhook_deliveries) for number in range(6)))
        assert sent == {stream: list(range(1, 31)) for stream in streams}


async def claim(queue: WebhookDeliveries, endpoint: WebhookEndpoint) -> Sequence[DeliveryRun]:
    """Claim what is due for an endpoint, in runs of LENGTH."""
    return await queue.claim({endpoint.id: 10}, 10, LENGTH, LONG)


def all_delivered(run: DeliveryRun) -> list[DeliveryOutcome]:
    """Return the outcomes of a run of which everything was delivered."""
    return ["delivered" for _ in run.deliveries]


def sequences(run: DeliveryRun) -> list[int]:
    """Return the sequences of a run's deliveries."""
    return [one.sequence for one in run.deliveries]


async def log(store: WebhookStore, endpoint: WebhookEndpoint) -> list[WebhookDelivery]:
    """Return an endpoint's deliveries, by sequence."""
    found = await every(lambda page: store.webhook_deliveries.list(ME, endpoint.id, page))
    return sorted(found, key=lambda one: one.sequence)
