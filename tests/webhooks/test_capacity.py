"""The capacity of the dispatcher: how many deliveries are sent at a time, to each endpoint and in all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from tekana.application.webhooks.attempt import RETRY_DELAYS, AttemptResult, outcome_of
from tekana.application.webhooks.capacity import (
    CONCURRENCY_MAX,
    ENDPOINT_CONCURRENCY_MAX,
    RETRY_AFTER_MAX,
    SILENCE_PAUSE_SECONDS_MAX,
    SLOW_CONCURRENCY_MAX,
    SendCapacity,
)
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, WebhookDelivery
from tekana.ports.webhook_endpoints import ActiveWebhookEndpoint

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = DeliveryAttempt(NOW, 5, 200)
SLOW = DeliveryAttempt(NOW, 5000, 200)
SILENT = DeliveryAttempt(NOW, 10_000, None, error="no answer within 10 seconds")


def endpoints(count: int, *, failing: bool = False) -> list[ActiveWebhookEndpoint]:
    return [ActiveWebhookEndpoint(WebhookEndpointId(uuid7()), None, None, failing) for _ in range(count)]


def started(capacity: SendCapacity, active: list[ActiveWebhookEndpoint], now: float) -> dict[WebhookEndpointId, int]:
    """Start all that may be started, each endpoint having as much as it can take. Return how many of each."""
    counts = dict.fromkeys((one.id for one in active), 0)
    for share in capacity.shares(active, now):
        places = [id_ for id_, most in share.capacity.items() for _ in range(most)]
        for endpoint_id in places[: share.limit]:
            capacity.start(endpoint_id, WebhookDeliveryId(uuid7()), now)
            counts[endpoint_id] += 1
    return counts


def attempted(
    capacity: SendCapacity,
    one: ActiveWebhookEndpoint,
    attempt: DeliveryAttempt,
    now: float,
    retry_after: timedelta | None = None,
) -> None:
    delivery_id = WebhookDeliveryId(uuid7())
    capacity.start(one.id, delivery_id, now)
    capacity.finish(one.id, delivery_id, attempt, retry_after, now)


def test_an_endpoint_has_one_attempt_until_it_has_answered() -> None:
    capacity, [one] = SendCapacity(), endpoints(1)
    assert started(capacity, [one], 0.0) == {one.id: 1}
    capacity = SendCapacity()
    attempted(capacity, one, QUICK, 0.0)
    assert started(capacity, [one], 0.0) == {one.id: ENDPOINT_CONCURRENCY_MAX}
    assert started(capacity, [one], 0.0) == {one.id: 0}


@pytest.mark.parametrize("attempt", [SILENT, SLOW])
def test_endpoints_that_hang_leave_room_for_the_others(attempt: DeliveryAttempt) -> None:
    capacity, hanging, [quick] = SendCapacity(), endpoints(500), endpoints(1)
    for one in hanging:
        attempted(capacity, one, attempt, 0.0)
    attempted(capacity, quick, QUICK, 0.0)
    later = SILENCE_PAUSE_SECONDS_MAX
    counts = started(capacity, [*hanging, quick], later)
    assert counts.pop(quick.id) == ENDPOINT_CONCURRENCY_MAX
    assert sum(counts.values()) == SLOW_CONCURRENCY_MAX
    if attempt is SILENT:
        assert max(counts.values()) == 1


def test_unknown_endpoints_that_hang_soon_count_as_slow() -> None:
    capacity, hanging, [quick] = SendCapacity(), endpoints(CONCURRENCY_MAX), endpoints(1)
    assert sum(started(capacity, hanging, 0.0).values()) == CONCURRENCY_MAX - SLOW_CONCURRENCY_MAX
    attempted(capacity, quick, QUICK, 0.0)
    assert started(capacity, [*hanging, quick], 0.0)[quick.id] == 0
    assert started(capacity, [quick], 1.1)[quick.id] == ENDPOINT_CONCURRENCY_MAX


def test_never_more_than_the_total() -> None:
    capacity, every = SendCapacity(), endpoints(1000)
    total = sum(sum(started(capacity, every, now).values()) for now in (0.0, 1.1, 2.2, 3.3, 4.4))
    assert total == CONCURRENCY_MAX


def test_endpoints_that_were_failing_before_a_restart_are_slow_from_the_start() -> None:
    capacity, failing, [well] = SendCapacity(), endpoints(500, failing=True), endpoints(1)
    counts = started(capacity, [*failing, well], 0.0)
    assert counts.pop(well.id) == 1
    assert sum(counts.values()) == SLOW_CONCURRENCY_MAX


def test_pauses_after_silence_grow_and_end_with_an_answer() -> None:
    capacity, [one] = SendCapacity(), endpoints(1)
    for pause in (1.0, 2.0, 4.0, 5.0, 5.0):
        attempted(capacity, one, SILENT, 100.0)
        assert not list(capacity.shares([one], 100.0 + pause - 0.01))
        assert [share.capacity for share in capacity.shares([one], 100.0 + pause)] == [{one.id: 1}]
    attempted(capacity, one, QUICK, 200.0)
    assert [share.capacity for share in capacity.shares([one], 200.0)] == [{one.id: ENDPOINT_CONCURRENCY_MAX}]


def test_retry_after_pauses_the_endpoint_within_bounds() -> None:
    capacity, [one] = SendCapacity(), endpoints(1)
    attempted(capacity, one, DeliveryAttempt(NOW, 5, 429), 0.0, timedelta(seconds=30))
    assert not list(capacity.shares([one], 29.9))
    assert list(capacity.shares([one], 30.0))
    attempted(capacity, one, DeliveryAttempt(NOW, 5, 429), 100.0, timedelta(days=300))
    assert list(capacity.shares([one], 100.0 + RETRY_AFTER_MAX.total_seconds()))


def test_the_next_attempt_is_never_before_retry_after() -> None:
    delivery = WebhookDelivery(
        id=WebhookDeliveryId(uuid7()),
        endpoint_id=WebhookEndpointId(uuid7()),
        aggregate_id=uuid7(),
        sequence=1,
        event_id="a:1",
        event_type="WalletOpened",
        body="{}",
        created_at=NOW,
    )
    busy = DeliveryAttempt(NOW, 5, 429)
    for asked in (timedelta(minutes=7), RETRY_AFTER_MAX, timedelta(days=300)):
        outcome = outcome_of(delivery, AttemptResult(busy, asked))
        assert isinstance(outcome, timedelta)
        assert min(asked, RETRY_AFTER_MAX) <= outcome <= 1.1 * RETRY_AFTER_MAX
    for asked in (timedelta(0), timedelta(seconds=1), None):
        outcome = outcome_of(delivery, AttemptResult(busy, asked))
        assert isinstance(outcome, timedelta)
        assert 0.9 * RETRY_DELAYS[0] <= outcome <= 1.1 * RETRY_DELAYS[0]
