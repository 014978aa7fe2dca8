"""The publisher that the webhooks' relay publishes to: it queues each event for the endpoints that want it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tekana.application.event_payload import event_payload
from tekana.domain.events import Event
from tekana.domain.identifiers import WebhookDeliveryId
from tekana.domain.webhooks import NewWebhookDelivery
from tekana.ports.clock import NewId
from tekana.ports.publisher import RejectedEvent
from tekana.ports.webhook_endpoints import ActiveWebhookEndpoint
from tekana.ports.webhook_store import WebhookStore


class WebhookEventQueue:
    """Implements tekana.ports.publisher.Publisher: an event is published once its deliveries are queued."""

    location = "the webhooks' queue"

    def __init__(self, store: WebhookStore, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    async def start(self) -> None:
        """Do nothing: the store connects by itself."""

    async def stop(self) -> None:
        """Do nothing: the store is stopped by its owner."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Queue events for every endpoint that wants them."""
        endpoints = await self._store.webhook_endpoints.active()
        new = [one for event in events for one in self._deliveries(event, endpoints)]
        if new:
            await self._store.webhook_deliveries.queue(new)
        return ()

    def _deliveries(self, event: Event, endpoints: Sequence[ActiveWebhookEndpoint]) -> list[NewWebhookDelivery]:
        wanted_by = [one.id for one in endpoints if one.wants(event.NAME)]
        if not wanted_by:
            return []
        payload = event_payload(event)
        body = msgspec.json.encode(payload._asdict()).decode()
        return [
            NewWebhookDelivery(
                id=WebhookDeliveryId(self._new_id()),
                endpoint_id=endpoint_id,
                aggregate_id=payload.aggregate_id,
                sequence=payload.sequence,
                event_id=payload.id,
                event_type=payload.type,
                body=body,
            )
            for endpoint_id in wanted_by
        ]
