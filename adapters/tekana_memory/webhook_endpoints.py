"""Webhook endpoints. No step awaits anything, so each is all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tekana.domain.errors import Conflict, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.transaction import Transaction, events_of
from tekana.domain.webhooks import ConfiguredWebhook, WebhookEndpoint
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyRecord
from tekana.ports.webhook_endpoints import RELAY, ActiveWebhookEndpoint, NewWebhookEndpoint, WebhookClaim
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState, RelayRow


class MemoryWebhookEndpoints:
    """Implements tekana.ports.webhook_endpoints.WebhookEndpoints."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def add(self, caller: str, new: NewWebhookEndpoint, claim: WebhookClaim | None = None) -> WebhookEndpoint:
        now = self._clock()
        self._take(claim, new.id)
        self._begin_where_the_feed_ends()
        return self._save(WebhookEndpoint(**new._asdict(), created_by=caller, created_at=now, updated_at=now))

    async def get(self, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        return endpoint_of_caller(self._state, caller, endpoint_id)

    async def list(self, caller: str, page: PageRequest) -> Page[WebhookEndpoint]:
        found = [one for _, one in sorted(self._state.webhook_endpoints.items()) if one.created_by == caller]
        return page_of(found, page, lambda one: one.id, self._state.webhook_endpoints)

    async def change(
        self, caller: str, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        endpoint = endpoint_of_caller(self._state, caller, endpoint_id)
        values: dict[str, Any] = dict(changes)
        if changes.get("status") == "active" and endpoint.status == "disabled":
            self._begin_where_the_feed_ends()
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
        endpoint = endpoint_of_caller(self._state, caller, endpoint_id)
        self._take(claim, endpoint_id)
        now = self._clock()
        previous: dict[str, Any] = {"previous_secret": endpoint.secret, "previous_secret_until": now + overlap}
        return self._save(replace(endpoint, secret=secret, **previous, updated_at=now))

    async def delete(self, caller: str, endpoint_id: WebhookEndpointId) -> None:
        endpoint_of_caller(self._state, caller, endpoint_id)
        del self._state.webhook_endpoints[endpoint_id]
        for delivery in [one for one in self._state.webhook_deliveries.values() if one.endpoint_id == endpoint_id]:
            del self._state.webhook_deliveries[delivery.id]
            self._state.webhook_sequences.discard((endpoint_id, delivery.aggregate_id, delivery.sequence))
        for key in [key for key in self._state.webhook_streams if key[0] == endpoint_id]:
            del self._state.webhook_streams[key]

    async def active(self) -> Sequence[ActiveWebhookEndpoint]:
        return [
            ActiveWebhookEndpoint(one.id, one.event_types, failing=one.failing_since is not None)
            for one in self._state.webhook_endpoints.values()
            if one.status == "active"
        ]

    async def find_active(self, endpoint_ids: Collection[WebhookEndpointId]) -> Sequence[WebhookEndpoint]:
        found = [self._state.webhook_endpoints.get(endpoint_id) for endpoint_id in endpoint_ids]
        return [one for one in found if one is not None and one.status == "active"]

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

    def _begin_where_the_feed_ends(self) -> None:
        """Move the relay to the end of the feed, unless another endpoint is active, for which it already runs."""
        outbox = self._state.outbox
        if outbox and not any(one.status == "active" for one in self._state.webhook_endpoints.values()):
            last = outbox[-1]
            index = sum(1 for _ in events_of(last)) - 1 if isinstance(last, Transaction) else 0
            relay = self._state.relays.setdefault(RELAY, RelayRow())
            relay.cursor = f"{len(outbox) - 1}.{index}"
            relay.epoch, relay.holder, relay.expires_at = relay.epoch + 1, None, None


def endpoint_of_caller(state: MemoryState, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
    """Return an endpoint of the caller. Raises WebhookEndpointNotFound."""
    endpoint = state.webhook_endpoints.get(endpoint_id)
    if endpoint is None or endpoint.created_by != caller:
        raise WebhookEndpointNotFound(f"no webhook endpoint has the id {endpoint_id}")
    return endpoint
