"""Webhook deliveries: the queue, and the log. No step awaits anything, so each is all or nothing.

A delivery stream has a row while any of its deliveries is pending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Any
from uuid import UUID

from tekana.domain.caller import Caller
from tekana.domain.errors import Conflict
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.policy import can_access
from tekana.domain.webhooks import NewWebhookDelivery, WebhookDelivery, delivery_not_found
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhook_deliveries import ATTEMPTS_MAX, DeliveryRun, FinishedAttempt, FinishedRun
from tekana_memory.readers import page_of
from tekana_memory.state import DeliveryStreamRow, MemoryState, position_of
from tekana_memory.webhook_endpoints import endpoint_of_caller

_StreamKey = tuple[WebhookEndpointId, UUID]


class MemoryWebhookDeliveries:
    """Implements tekana.ports.webhook_deliveries.WebhookDeliveries."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        now = self._clock()
        for one in new:
            if self._is_wanted(one):
                values: dict[str, Any] = {field.name: getattr(one, field.name) for field in fields(NewWebhookDelivery)}
                save_new(self._state, WebhookDelivery(**values | {"cursor": None}, created_at=now), now)

    def _is_wanted(self, new: NewWebhookDelivery) -> bool:
        endpoint = self._state.webhook_endpoints.get(new.endpoint_id)
        if endpoint is None or not endpoint.active:
            return False
        passed = self._state.webhook_passed.get(endpoint.id, -1)
        return new.cursor is None or position_of(new.cursor)[0] > passed

    async def claim(
        self, capacity: Mapping[WebhookEndpointId, int], limit: int, length: int, seconds: float
    ) -> Sequence[DeliveryRun]:
        now = self._clock()
        left = dict(capacity)
        due: list[tuple[int, datetime, _StreamKey]] = []  # those of endpoints with the most capacity left come first
        for next_attempt_at, key in sorted(
            (stream.next_attempt_at, key)
            for key, stream in self._state.webhook_streams.items()
            if stream.next_attempt_at <= now and self._is_active(key[0])
        ):
            if left.get(key[0], 0) > 0:
                due.append((-left[key[0]], next_attempt_at, key))
                left[key[0]] -= 1
        until = now + timedelta(seconds=seconds)
        return [self._claim(self._state.webhook_streams[key], length, until) for *_, key in sorted(due)[:limit]]

    def _claim(self, stream: DeliveryStreamRow, length: int, until: datetime) -> DeliveryRun:
        stream.next_attempt_at, stream.claimed = until, True
        first = nsmallest(length, stream.pending.items())
        return DeliveryRun([self._state.webhook_deliveries[delivery_id] for _, delivery_id in first], until)

    async def record(self, runs: Sequence[FinishedRun]) -> Mapping[WebhookEndpointId, timedelta]:
        now = self._clock()
        for run in runs:
            for one in run.attempts:
                self._record(one, now)
            self._release(run, now)
        ids = {run.endpoint_id for run in runs}
        found = (self._state.webhook_endpoints.get(endpoint_id) for endpoint_id in ids)
        return {one.id: now - one.failing_since for one in found if one is not None and one.failing_since}

    def _record(self, finished: FinishedAttempt, now: datetime) -> None:
        delivery, attempt, outcome = finished
        endpoint = self._state.webhook_endpoints.get(delivery.endpoint_id)
        if endpoint is None or self._state.webhook_deliveries[delivery.id].status != "pending":
            return  # it was deleted, or another dispatcher has delivered this, in the meantime
        changed = replace(delivery, attempts=(*delivery.attempts, attempt)[-ATTEMPTS_MAX:], tries=delivery.tries + 1)
        if not isinstance(outcome, timedelta):
            changed = replace(changed, status=outcome, ended_at=now)
            key = (delivery.endpoint_id, delivery.aggregate_id)
            pending = self._state.webhook_streams[key].pending
            del pending[delivery.sequence]
            if not pending:
                del self._state.webhook_streams[key]
        self._state.webhook_deliveries[delivery.id] = changed
        since = None if attempt.succeeded else endpoint.failing_since or now
        self._state.webhook_endpoints[endpoint.id] = replace(endpoint, failing_since=since)

    def _release(self, run: FinishedRun, now: datetime) -> None:
        stream = self._state.webhook_streams.get((run.endpoint_id, run.aggregate_id))
        if stream is not None and stream.claimed and stream.next_attempt_at == run.claimed_until:
            stream.claimed, stream.next_attempt_at = False, now + run.due_in

    async def get(self, caller: Caller, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        delivery = self._state.webhook_deliveries.get(delivery_id)
        if delivery is None or not can_access(caller, self._state.webhook_endpoints[delivery.endpoint_id].tenant):
            raise delivery_not_found(delivery_id)
        return delivery

    async def list(self, caller: Caller, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        endpoint_of_caller(self._state, caller, endpoint_id)
        state = self._state.webhook_deliveries
        found = [one for _, one in sorted(state.items(), reverse=True) if one.endpoint_id == endpoint_id]
        return page_of(found, page, lambda one: one.id, state, newest_first=True)

    async def purge(self, older_than: timedelta) -> int:
        before = self._clock() - older_than
        old = [one.id for one in self._state.webhook_deliveries.values() if one.ended_at and one.ended_at < before]
        for delivery_id in old:
            one = self._state.webhook_deliveries.pop(delivery_id)
            self._state.webhook_sequences.discard((one.endpoint_id, one.aggregate_id, one.sequence))
        return len(old)

    def _is_active(self, endpoint_id: WebhookEndpointId) -> bool:
        return self._state.webhook_endpoints[endpoint_id].status == "active"


def save_new(state: MemoryState, delivery: WebhookDelivery, now: datetime) -> None:
    """Queue a delivery, unless its endpoint already has one of its aggregate and sequence."""
    sequence = (delivery.endpoint_id, delivery.aggregate_id, delivery.sequence)
    if sequence not in state.webhook_sequences:
        state.webhook_sequences.add(sequence)
        state.webhook_deliveries[delivery.id] = delivery
        _stream(state, delivery, now).pending[delivery.sequence] = delivery.id


def save_resent(state: MemoryState, delivery_id: WebhookDeliveryId, now: datetime) -> None:
    """Make a delivery pending, and due unless another one of its stream is being sent.

    Raises Conflict if it was removed meanwhile.
    """
    if delivery_id not in state.webhook_deliveries:
        raise Conflict("the delivery is not kept any more")
    delivery = state.webhook_deliveries[delivery_id] = state.webhook_deliveries[delivery_id].resend()
    stream = _stream(state, delivery, now)
    stream.pending[delivery.sequence] = delivery_id
    if not stream.claimed:
        stream.next_attempt_at = now


def _stream(state: MemoryState, delivery: NewWebhookDelivery, now: datetime) -> DeliveryStreamRow:
    """Return the stream of a delivery, a new one if nothing of it is pending."""
    return state.webhook_streams.setdefault((delivery.endpoint_id, delivery.aggregate_id), DeliveryStreamRow(now))
