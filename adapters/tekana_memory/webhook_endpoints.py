"""Webhook endpoints. No step awaits anything, so each is all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.policy import can_access
from tekana.domain.transaction import Transaction, events_of
from tekana.domain.webhooks import WebhookEndpoint, endpoint_not_found
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhook_endpoints import ENCRYPTED, RELAY, ActiveWebhookEndpoint, StoredSecrets
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState, RelayRow


class MemoryWebhookEndpoints:
    """Implements tekana.ports.webhook_endpoints.WebhookEndpoints."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def get(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        return endpoint_of_caller(self._state, caller, endpoint_id)

    async def list(self, caller: Caller, page: PageRequest) -> Page[WebhookEndpoint]:
        endpoints = {one.id: one for one in self._state.webhook_endpoints.values() if can_access(caller, one.tenant)}
        found = [one for _, one in sorted(endpoints.items())]
        return page_of(found, page, lambda one: one.id, endpoints)

    async def active(self) -> Sequence[ActiveWebhookEndpoint]:
        return [
            ActiveWebhookEndpoint(one.id, one.tenant, one.event_types, failing=one.failing_since is not None)
            for one in self._state.webhook_endpoints.values()
            if one.active
        ]

    async def find_active(self, endpoint_ids: Collection[WebhookEndpointId]) -> Sequence[WebhookEndpoint]:
        found = [self._state.webhook_endpoints.get(endpoint_id) for endpoint_id in endpoint_ids]
        return [one for one in found if one is not None and one.active]

    async def stored_secrets(self, *, encrypted: bool) -> Sequence[StoredSecrets]:
        found = [_secrets(one) for one in self._state.webhook_endpoints.values()]
        return [one for one in found if any(text and text.startswith(ENCRYPTED) is encrypted for text in one[1:])]

    async def replace_secrets(self, before: StoredSecrets, after: StoredSecrets) -> bool:
        endpoint = self._state.webhook_endpoints.get(before.endpoint_id)
        if endpoint is None or _secrets(endpoint) != before:
            return False
        self._state.webhook_endpoints[endpoint.id] = replace(
            endpoint, secret=after.secret, previous_secret=after.previous_secret
        )
        return True

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        endpoint = self._state.webhook_endpoints.get(endpoint_id)
        if endpoint is None or not endpoint.active:
            return False
        self._state.webhook_endpoints[endpoint_id] = replace(
            endpoint, status="disabled", disabled_reason=reason, updated_at=self._clock()
        )
        return True


def _secrets(endpoint: WebhookEndpoint) -> StoredSecrets:
    return StoredSecrets(endpoint.id, endpoint.secret, endpoint.previous_secret)


def save_endpoints(state: MemoryState, saved: Mapping[WebhookEndpointId, WebhookEndpoint]) -> None:
    """Keep new and changed endpoints. Those that become active get nothing of what is in the outbox already."""
    endpoints = state.webhook_endpoints
    inactive = [one.id for one in saved.values() if one.active and not _is_active(state, one.id)]
    if inactive and not any(one.active for one in endpoints.values()):
        _move_relay_to_end(state)
    for endpoint_id in inactive:
        state.webhook_passed[endpoint_id] = len(state.outbox) - 1
    for endpoint in saved.values():
        if endpoint.deleted:
            _delete(state, endpoint.id)
        else:
            endpoints[endpoint.id] = endpoint


def _is_active(state: MemoryState, endpoint_id: WebhookEndpointId) -> bool:
    endpoint = state.webhook_endpoints.get(endpoint_id)
    return endpoint is not None and endpoint.active


def _delete(state: MemoryState, endpoint_id: WebhookEndpointId) -> None:
    state.webhook_endpoints.pop(endpoint_id, None)
    for delivery in [one for one in state.webhook_deliveries.values() if one.endpoint_id == endpoint_id]:
        del state.webhook_deliveries[delivery.id]
        state.webhook_sequences.discard((endpoint_id, delivery.aggregate_id, delivery.sequence))
    for key in [key for key in state.webhook_streams if key[0] == endpoint_id]:
        del state.webhook_streams[key]


def _move_relay_to_end(state: MemoryState) -> None:
    """Move the relay to the end of the feed: nothing was queued while no endpoint was active."""
    if state.outbox:
        last = state.outbox[-1]
        index = sum(1 for _ in events_of(last)) - 1 if isinstance(last, Transaction) else 0
        relay = state.relays.setdefault(RELAY, RelayRow())
        relay.cursor = f"{len(state.outbox) - 1}.{index}"
        relay.epoch, relay.holder, relay.expires_at = relay.epoch + 1, None, None


def endpoint_of_caller(state: MemoryState, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
    """Return an endpoint that the caller has access to. Raises WebhookEndpointNotFound."""
    endpoint = state.webhook_endpoints.get(endpoint_id)
    if endpoint is None or not can_access(caller, endpoint.tenant):
        raise endpoint_not_found(endpoint_id)
    return endpoint
