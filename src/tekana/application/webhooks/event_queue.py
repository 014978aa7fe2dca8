"""What the webhooks' relay publishes to: it queues each event for the endpoints that want it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tekana.application.event_payload import event_payload
from tekana.domain.identifiers import WebhookDeliveryId
from tekana.domain.webhooks import NewWebhookDelivery
from tekana.ports.clock import NewId
from tekana.ports.events import FeedEvent
from tekana.ports.publisher import RejectedEvent
from tekana.ports.webhook_endpoints import ActiveWebhookEndpoint
from tekana.ports.webhook_store import WebhookStore


class WebhookEventQueue:
    """Queues deliveries of events. An event is published once its deliveries are queued."""

    def __init__(self, store: WebhookStore, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    async def publish(self, run: Sequence[FeedEvent]) -> Sequence[RejectedEvent]:
        """Queue events for every endpoint that wants them. The store leaves out what is from before its activation."""
        endpoints = await self._store.webhook_endpoints.active()
        new = [one for fed in run for one in self._deliveries(fed, endpoints)]
        if new:
            await self._store.webhook_deliveries.queue(new)
        return ()

    def _deliveries(self, fed: FeedEvent, endpoints: Sequence[ActiveWebhookEndpoint]) -> list[NewWebhookDelivery]:
        event = fed.event
        wanted_by = [one.id for one in endpoints if one.wants(event)]
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
                cursor=fed.cursor,
            )
            for endpoint_id in wanted_by
        ]
