"""Webhooks: endpoints, and the lines of deliveries to them. Nothing here awaits, so each step is all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tekana.domain.errors import Conflict, WebhookDeliveryNotFound, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.transaction import Transaction, events_of
from tekana.domain.webhooks import ConfiguredWebhook, DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyRecord
from tekana.ports.webhooks import (
    ATTEMPTS_MAX,
    RELAY,
    DeliveryOutcome,
    NewWebhookDelivery,
    NewWebhookEndpoint,
    WebhookClaim,
)
from tekana_memory.readers import page_of
from tekana_memory.state import DeliveryStreamRow, MemoryState, RelayRow


class MemoryWebhookEndpoints:
    """Implements tekana.ports.webhooks.WebhookEndpoints."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def add(self, caller: str, new: NewWebhookEndpoint, claim: WebhookClaim | None = None) -> WebhookEndpoint:
        now = self._clock()
        self._take(claim, new.id)
        await self._begin_where_the_feed_ends()
        return self._save(WebhookEndpoint(**new._asdict(), created_by=caller, created_at=now, updated_at=now))

    async def get(self, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        return _of_caller(self._state, caller, endpoint_id)

    async def list(self, caller: str, page: PageRequest) -> Page[WebhookEndpoint]:
        found = [one for _, one in sorted(self._state.webhook_endpoints.items()) if one.created_by == caller]
        return page_of(found, page, lambda one: one.id, self._state.webhook_endpoints)

    async def change(
        self, caller: str, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        endpoint = _of_caller(self._state, caller, endpoint_id)
        values: dict[str, Any] = dict(changes)
        if changes.get("status") == "active" and endpoint.status == "disabled":
            await self._begin_where_the_feed_ends()
            values |= {"disabled_reason": None, "failing_since": None}
        return self._save(replace(endpoint, **values, updated_at=self._clock()))

    async def rotate_secret(
        self,
        caller: str,
        endpoint_id: WebhookEndpointId,
        secret: str,
        overlap: timedelta,
        claim: WebhookClaim | None = None,
    ) -> WebhookEndpoint:
        endpoint = _of_caller(self._state, caller, endpoint_id)
        self._take(claim, endpoint_id)
        now = self._clock()
        previous: dict[str, Any] = {"previous_secret": endpoint.secret, "previous_secret_until": now + overlap}
        return self._save(replace(endpoint, secret=secret, **previous, updated_at=now))

    async def delete(self, caller: str, endpoint_id: WebhookEndpointId) -> None:
        _of_caller(self._state, caller, endpoint_id)
        del self._state.webhook_endpoints[endpoint_id]
        for delivery in [one for one in self._state.webhook_deliveries.values() if one.endpoint_id == endpoint_id]:
            del self._state.webhook_deliveries[delivery.id]
        for line in [line for line in self._state.webhook_lines if line[0] == endpoint_id]:
            del self._state.webhook_lines[line]

    async def active(self) -> Sequence[WebhookEndpoint]:
        return [one for one in self._state.webhook_endpoints.values() if one.status == "active"]

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        endpoint = self._state.webhook_endpoints.get(endpoint_id)
        if endpoint is None or endpoint.status == "disabled":
            return False
        self._save(replace(endpoint, status="disabled", disabled_reason=reason, updated_at=self._clock()))
        return True

    def _take(self, claim: WebhookClaim | None, endpoint_id: WebhookEndpointId) -> None:
        if claim is not None:
            if claim.key in self._state.keys:
                raise Conflict("the key is used")
            self._state.keys[claim.key] = IdempotencyRecord(claim.fingerprint, ConfiguredWebhook(endpoint_id))

    def _save(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        self._state.webhook_endpoints[endpoint.id] = endpoint
        return endpoint

    async def _begin_where_the_feed_ends(self) -> None:
        """Unless another endpoint is active, for which the relay is on its way already."""
        outbox = self._state.outbox
        if outbox and not await self.active():
            last = outbox[-1]
            place = sum(1 for _ in events_of(last)) - 1 if isinstance(last, Transaction) else 0
            relay = self._state.relays.setdefault(RELAY, RelayRow())
            relay.cursor = f"{len(outbox) - 1}.{place}"
            relay.epoch, relay.holder, relay.expires_at = relay.epoch + 1, None, None


class MemoryWebhookDeliveries:
    """Implements tekana.ports.webhooks.WebhookDeliveries."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        now = self._clock()
        known = {(one.endpoint_id, one.aggregate_id, one.sequence) for one in self._state.webhook_deliveries.values()}
        for one in new:
            place = (one.endpoint_id, one.aggregate_id, one.sequence)
            if one.endpoint_id in self._state.webhook_endpoints and place not in known:
                known.add(place)
                self._state.webhook_deliveries[one.id] = WebhookDelivery(**one._asdict(), created_at=now)
                self._state.webhook_lines.setdefault(place[:2], DeliveryStreamRow(now))

    async def claim(self, room: Mapping[WebhookEndpointId, int], seconds: float) -> Sequence[WebhookDelivery]:
        now = self._clock()
        places = dict(room)
        claimed = []
        due = [
            (line.next_attempt_at, key)
            for key, line in self._state.webhook_lines.items()
            if line.next_attempt_at <= now
        ]
        for _, (endpoint_id, aggregate_id) in sorted(due):
            if places.get(endpoint_id, 0) > 0:
                places[endpoint_id] -= 1
                claimed.append(self._waiting(endpoint_id, aggregate_id)[0])
                line = DeliveryStreamRow(now + timedelta(seconds=seconds), claimed=True)
                self._state.webhook_lines[endpoint_id, aggregate_id] = line
        return claimed

    async def record(self, delivery: WebhookDelivery, attempt: DeliveryAttempt, verdict: DeliveryOutcome) -> timedelta:
        now = self._clock()
        endpoint = self._state.webhook_endpoints.get(delivery.endpoint_id)
        if endpoint is None or self._state.webhook_deliveries[delivery.id].status != "pending":
            return timedelta(0)  # it was deleted, or somebody else has delivered this, meanwhile
        self._state.webhook_deliveries[delivery.id] = replace(
            delivery,
            attempts=(*delivery.attempts, attempt)[-ATTEMPTS_MAX:],
            tries=delivery.tries + 1,
            status="pending" if isinstance(verdict, timedelta) else verdict,
            ended_at=None if isinstance(verdict, timedelta) else now,
        )
        self._free(delivery, now + verdict if isinstance(verdict, timedelta) else now)
        since = None if attempt.succeeded else endpoint.failing_since or now
        self._state.webhook_endpoints[endpoint.id] = replace(endpoint, failing_since=since)
        return now - since if since else timedelta(0)

    async def get(self, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        delivery = self._state.webhook_deliveries.get(delivery_id)
        if delivery is None or self._state.webhook_endpoints[delivery.endpoint_id].created_by != caller:
            raise WebhookDeliveryNotFound(f"no webhook delivery has the id {delivery_id}")
        return delivery

    async def list(self, caller: str, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        _of_caller(self._state, caller, endpoint_id)
        state = self._state.webhook_deliveries
        found = [one for _, one in sorted(state.items(), reverse=True) if one.endpoint_id == endpoint_id]
        return page_of(found, page, lambda one: one.id, state, newest_first=True)

    async def request_retry(self, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        delivery = replace(await self.get(caller, delivery_id), status="pending", tries=0, ended_at=None)
        self._state.webhook_deliveries[delivery_id] = delivery
        key = (delivery.endpoint_id, delivery.aggregate_id)
        line = self._state.webhook_lines.get(key)
        if line is None or not line.claimed:
            self._state.webhook_lines[key] = DeliveryStreamRow(self._clock())
        return delivery

    async def purge(self, older_than: timedelta) -> int:
        before = self._clock() - older_than
        old = [one.id for one in self._state.webhook_deliveries.values() if one.ended_at and one.ended_at < before]
        for delivery_id in old:
            del self._state.webhook_deliveries[delivery_id]
        return len(old)

    def _waiting(self, endpoint_id: WebhookEndpointId, aggregate_id: UUID) -> Sequence[WebhookDelivery]:
        """What is pending in a line, in its order."""
        state = self._state.webhook_deliveries.values()
        line = [
            one
            for one in state
            if one.endpoint_id == endpoint_id and one.aggregate_id == aggregate_id and one.status == "pending"
        ]
        return sorted(line, key=lambda one: one.sequence)

    def _free(self, delivery: WebhookDelivery, next_attempt_at: datetime) -> None:
        key = (delivery.endpoint_id, delivery.aggregate_id)
        if self._waiting(*key):
            self._state.webhook_lines[key] = DeliveryStreamRow(next_attempt_at)
        else:
            self._state.webhook_lines.pop(key, None)


def _of_caller(state: MemoryState, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
    endpoint = state.webhook_endpoints.get(endpoint_id)
    if endpoint is None or endpoint.created_by != caller:
        raise WebhookEndpointNotFound(f"no webhook endpoint has the id {endpoint_id}")
    return endpoint
