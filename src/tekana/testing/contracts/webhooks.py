"""The suite for a store that keeps webhooks: `tekana.ports.webhooks`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

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
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import ConfiguredWebhook, DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from tekana.ports.page import PageRequest
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.ports.webhooks import (
    ATTEMPTS_MAX,
    RELAY,
    NewWebhookDelivery,
    NewWebhookEndpoint,
    WebhookClaim,
    WebhookStore,
)
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every

ME, OTHER = "me", "somebody else"
LONG = 60.0
HOUR = timedelta(hours=1)


class WebhooksContract(Contract):
    """What keeping webhooks must do. A subclass brings the fixture `store`, as for `StoreContract`."""

    async def test_an_endpoint_is_kept_as_it_is(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        new = _new_endpoint(event_types=("WalletOpened", "FundsDeposited"), description="für Aline ✓")
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
        assert (await kept.add(ME, _new_endpoint())).event_types is None

    async def test_endpoints_are_their_callers(self, store: WebhookStore) -> None:
        kept = store.webhook_endpoints
        mine, others = [await kept.add(ME, _new_endpoint()) for _ in range(5)], await kept.add(OTHER, _new_endpoint())
        assert await every(lambda page: kept.list(ME, page)) == mine
        assert (await kept.list(ME, PageRequest(2))).items == tuple(mine[:2])
        assert (await kept.list(OTHER, PageRequest())).items == (others,)
        assert (await kept.list("nobody", PageRequest())).items == ()
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
        assert sorted(await kept.active(), key=lambda one: one.id) == [*mine, others]

    async def test_changes(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        endpoint = await kept.add(ME, _new_endpoint(event_types=("WalletOpened",), description="first"))
        later = clock.advance()
        changed = await kept.change(ME, endpoint.id, {"url": "https://example.com/b"})
        assert changed == replace(endpoint, url="https://example.com/b", updated_at=later)
        changed = await kept.change(ME, endpoint.id, {"event_types": None, "description": None})
        assert (changed.url, changed.event_types, changed.description) == ("https://example.com/b", None, None)
        off = await kept.change(ME, endpoint.id, {"status": "disabled", "disabled_reason": "for now"})
        assert (off.status, off.disabled_reason) == ("disabled", "for now")
        assert await kept.active() == []
        assert not await kept.disable(endpoint.id, "it is already")
        on = await kept.change(ME, endpoint.id, {"status": "active"})
        assert (on.status, on.disabled_reason) == ("active", None)
        assert await kept.disable(endpoint.id, "it never answers")
        assert (await kept.get(ME, endpoint.id)).disabled_reason == "it never answers"

    async def test_a_new_secret_and_the_one_before(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        first = await kept.add(ME, _new_endpoint())
        second = await kept.rotate_secret(ME, first.id, "whsec_c2Vjb25k", HOUR)
        assert second.secrets(clock()) == ("whsec_c2Vjb25k", first.secret)
        third = await kept.rotate_secret(ME, first.id, "whsec_dGhpcmQ=", HOUR)
        assert third.secrets(clock()) == ("whsec_dGhpcmQ=", "whsec_c2Vjb25k")
        assert third.secrets(clock() + HOUR) == ("whsec_dGhpcmQ=",)

    async def test_a_key_does_a_thing_once(
        self, store: WebhookStore, stores: Sequence[WebhookStore], app: Session
    ) -> None:
        kept, new = store.webhook_endpoints, _new_endpoint()
        claim = WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, "a key"), -1)
        assert await _used(store, claim) is None
        added = await kept.add(ME, new, claim)
        for each in stores:
            assert await _used(each, claim) == IdempotencyRecord(-1, ConfiguredWebhook(added.id))
        with pytest.raises(Conflict):
            await kept.add(ME, _new_endpoint(), claim)
        with pytest.raises(Conflict):
            await kept.rotate_secret(ME, new.id, "whsec_c2Vjb25k", HOUR, claim)
        assert (await kept.list(ME, PageRequest())).items == (added,)
        assert await _used(store, claim._replace(key=IdempotencyKey(MAIN_TENANT, OTHER, "a key"))) is None
        with pytest.raises(IdempotencyKeyReused):
            await app.as_caller(builders.caller(ME)).execute(builders.person(), key="a key")
        await app.as_caller(builders.caller(ME)).execute(builders.person(), key="another")
        with pytest.raises(Conflict):
            await kept.add(ME, _new_endpoint(), WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, "another"), -1))

        rotated = WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, "for a new secret"), 5)
        second = await kept.rotate_secret(ME, new.id, "whsec_c2Vjb25k", HOUR, rotated)
        assert await _used(store, rotated) == IdempotencyRecord(5, ConfiguredWebhook(second.id))
        in_vain = _fresh_claim()
        with pytest.raises(WebhookEndpointNotFound):
            await kept.rotate_secret(ME, WebhookEndpointId(uuid7()), "whsec_c2Vjb25k", HOUR, in_vain)
        assert await _used(store, in_vain) is None

    async def test_a_key_many_times_at_once(self, stores: Sequence[WebhookStore]) -> None:
        claim = _fresh_claim()
        adding = (stores[n % len(stores)].webhook_endpoints.add(ME, _new_endpoint(), claim) for n in range(8))
        done = await asyncio.gather(*adding, return_exceptions=True)
        [added] = [one for one in done if not isinstance(one, Conflict)]
        assert (await stores[0].webhook_endpoints.list(ME, PageRequest())).items == (added,)

    async def test_a_deleted_endpoint_is_gone(self, store: WebhookStore) -> None:
        endpoint = await store.webhook_endpoints.add(ME, _new_endpoint())
        await store.webhook_deliveries.queue(_line(endpoint, uuid7(), 3))
        [delivery] = await store.webhook_deliveries.claim({endpoint.id: 5}, LONG)
        await store.webhook_endpoints.delete(ME, endpoint.id)
        await store.webhook_deliveries.record(delivery, _failure(delivery), HOUR)  # was on its way
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
        first = await kept.add(ME, _new_endpoint())
        lease = await outbox.acquire_lease("one", LONG)
        assert lease is not None
        assert not await outbox.read(lease.cursor, 100)
        await a_wallet(app, "1")
        await kept.add(ME, _new_endpoint())  # the first is on its way: nothing is passed over
        assert len(await outbox.read((await outbox.state()).cursor, 100)) > 3
        await outbox.renew_lease(lease, LONG)
        for endpoint in await kept.active():
            await kept.disable(endpoint.id, "for a while")
        await a_wallet(app, "1")
        await kept.change(ME, first.id, {"status": "active"})
        assert not await outbox.read((await outbox.state()).cursor, 100)
        await a_wallet(app, "1")
        await kept.change(ME, first.id, {"status": "active"})  # it is already
        assert await outbox.read((await outbox.state()).cursor, 100)

    async def test_a_line_goes_one_by_one_in_its_order(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await store.webhook_endpoints.add(ME, _new_endpoint())
        one, other = uuid7(), uuid7()
        await queue.queue([*_line(endpoint, one, 3), *_line(endpoint, other, 2)])
        seen: list[tuple[UUID, int]] = []
        while claimed := await queue.claim({endpoint.id: 10}, LONG):
            assert len({delivery.aggregate_id for delivery in claimed}) == len(claimed)
            assert not await queue.claim({endpoint.id: 10}, LONG)
            for delivery in claimed:
                seen.append((delivery.aggregate_id, delivery.sequence))
                assert await queue.record(delivery, _success(delivery), "delivered") == timedelta(0)
        assert [sequence for line, sequence in seen if line == one] == [1, 2, 3]
        assert [sequence for line, sequence in seen if line == other] == [1, 2]
        await queue.queue(_line(endpoint, one, 4))  # three of these were queued before
        [fourth] = await queue.claim({endpoint.id: 10}, LONG)
        assert fourth.sequence == 4

    async def test_a_failure_holds_back_its_line_alone(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await store.webhook_endpoints.add(ME, _new_endpoint())
        bad, good = uuid7(), uuid7()
        await queue.queue([*_line(endpoint, bad, 2), *_line(endpoint, good, 2)])
        claimed = {one.aggregate_id: one for one in await queue.claim({endpoint.id: 10}, LONG)}
        assert await queue.record(claimed[bad], _failure(claimed[bad]), HOUR) == timedelta(0)
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since == clock()
        clock.advance(HOUR / 2)
        await queue.record(claimed[good], _success(claimed[good]), "delivered")
        assert (await store.webhook_endpoints.get(ME, endpoint.id)).failing_since is None
        [second] = await queue.claim({endpoint.id: 10}, LONG)
        assert (second.aggregate_id, second.sequence) == (good, 2)
        await queue.record(second, _success(second), "delivered")
        clock.advance(HOUR / 2)
        [again] = await queue.claim({endpoint.id: 10}, LONG)
        assert (again.id, again.tries, len(again.attempts)) == (claimed[bad].id, 1, 1)
        await queue.record(again, _failure(again), "failed")
        [following] = await queue.claim({endpoint.id: 10}, LONG)
        assert (following.aggregate_id, following.sequence) == (bad, 2)
        clock.advance(HOUR)
        assert await queue.record(following, _failure(following), HOUR) == HOUR
        ended = await queue.get(ME, again.id)
        assert (ended.status, ended.tries, ended.ended_at) == ("failed", 2, clock() - HOUR)

    async def test_room_and_claims_that_end(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue = store.webhook_deliveries
        one, other = [await store.webhook_endpoints.add(ME, _new_endpoint()) for _ in range(2)]
        await queue.queue([*(_line(one, uuid7(), 1)[0] for _ in range(5)), *_line(other, uuid7(), 2)])
        claimed = await queue.claim({one.id: 3, other.id: 3}, LONG)
        assert sorted(delivery.endpoint_id for delivery in claimed) == [one.id] * 3 + [other.id]
        assert len(await queue.claim({one.id: 3}, LONG)) == 2
        assert not await queue.claim({one.id: 3}, LONG)
        clock.advance(timedelta(seconds=LONG))
        again = await queue.claim({one.id: 10, other.id: 10}, LONG)
        assert sorted(delivery.sequence for delivery in again) == [1] * 6

    async def test_claimers_at_once(self, store: WebhookStore, stores: Sequence[WebhookStore]) -> None:
        endpoint = await store.webhook_endpoints.add(ME, _new_endpoint())
        await store.webhook_deliveries.queue([_line(endpoint, uuid7(), 1)[0] for _ in range(40)])
        claims = [stores[number % len(stores)].webhook_deliveries.claim({endpoint.id: 5}, LONG) for number in range(12)]
        claimed = [delivery.id for some in await asyncio.gather(*claims) for delivery in some]
        while more := await store.webhook_deliveries.claim({endpoint.id: 5}, LONG):
            claimed += [delivery.id for delivery in more]
        assert len(claimed) == len(set(claimed)) == 40

    async def test_what_is_queued_while_a_line_ends_is_not_left_behind(self, store: WebhookStore) -> None:
        queue, endpoint = store.webhook_deliveries, await store.webhook_endpoints.add(ME, _new_endpoint())
        line = uuid7()
        for sequence in range(1, 31):
            added = queue.queue([_delivery(endpoint, line, sequence + 1)])
            if sequence == 1:
                await queue.queue([_delivery(endpoint, line, 1)])
            [delivery] = await queue.claim({endpoint.id: 1}, LONG)
            assert delivery.sequence == sequence
            await asyncio.gather(added, queue.record(delivery, _success(delivery), "delivered"))

    async def test_the_log(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await store.webhook_endpoints.add(ME, _new_endpoint())
        await queue.queue(_line(endpoint, uuid7(), 3))
        newest_first = await every(lambda page: queue.list(ME, endpoint.id, page))
        assert [one.sequence for one in newest_first] == [3, 2, 1]
        assert {(one.status, one.tries, one.attempts, one.ended_at) for one in newest_first} == {
            ("pending", 0, (), None)
        }
        [delivery] = await queue.claim({endpoint.id: 1}, LONG)
        for number in range(ATTEMPTS_MAX + 2):
            attempt = DeliveryAttempt(clock(), number, None, error=f"naïve {number}")
            await queue.record(delivery, attempt, timedelta(0))
            [delivery] = await queue.claim({endpoint.id: 1}, LONG)
        assert [one.duration_ms for one in delivery.attempts] == list(range(2, ATTEMPTS_MAX + 2))
        done = DeliveryAttempt(clock(), 7, 204, answer="\N{REPLACEMENT CHARACTER} \"'")
        await queue.record(delivery, done, "delivered")
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

    async def test_asking_again(self, store: WebhookStore, clock: FrozenClock) -> None:
        queue, endpoint = store.webhook_deliveries, await store.webhook_endpoints.add(ME, _new_endpoint())
        await queue.queue(_line(endpoint, uuid7(), 2))
        [first] = await queue.claim({endpoint.id: 1}, LONG)
        await queue.record(first, _failure(first), "failed")
        [second] = await queue.claim({endpoint.id: 1}, LONG)
        await queue.request_retry(ME, first.id)
        assert not await queue.claim({endpoint.id: 1}, LONG)  # not beside one of its line that is on its way
        await queue.record(second, _failure(second), HOUR)
        asked = await queue.request_retry(ME, first.id)
        assert (asked.status, asked.tries, asked.ended_at, len(asked.attempts)) == ("pending", 0, None, 1)
        [again] = await queue.claim({endpoint.id: 1}, LONG)
        assert again.id == first.id
        with pytest.raises(WebhookDeliveryNotFound):
            await queue.request_retry(OTHER, first.id)
        with pytest.raises(WebhookDeliveryNotFound):
            await queue.request_retry(ME, WebhookDeliveryId(uuid7()))


async def _used(store: WebhookStore, claim: WebhookClaim) -> IdempotencyRecord | None:
    async with store.begin() as unit:
        return (await unit.find_keys({claim.key})).get(claim.key)


def _fresh_claim() -> WebhookClaim:
    return WebhookClaim(IdempotencyKey(MAIN_TENANT, ME, str(uuid7())), 7)


def _new_endpoint(*, event_types: tuple[str, ...] | None = None, description: str | None = None) -> NewWebhookEndpoint:
    return NewWebhookEndpoint(
        WebhookEndpointId(uuid7()), "https://example.com/hooks", description, event_types, "whsec_Zmlyc3Q="
    )


def _delivery(endpoint: WebhookEndpoint, line: UUID, sequence: int) -> NewWebhookDelivery:
    event_id = f"{line}:{sequence}"
    return NewWebhookDelivery(
        WebhookDeliveryId(uuid7()), endpoint.id, line, sequence, event_id, "WalletOpened", f'{{"id":"{event_id}"}}'
    )


def _line(endpoint: WebhookEndpoint, line: UUID, length: int) -> list[NewWebhookDelivery]:
    return [_delivery(endpoint, line, sequence) for sequence in range(1, length + 1)]


def _success(delivery: WebhookDelivery) -> DeliveryAttempt:
    return DeliveryAttempt(delivery.created_at, 12, 200, answer="thanks")


def _failure(delivery: WebhookDelivery) -> DeliveryAttempt:
    return DeliveryAttempt(delivery.created_at, 12, 500, answer="sorry")
