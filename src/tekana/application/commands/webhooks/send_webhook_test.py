"""Send a test: a delivery that is about no event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from tekana.application.commands.webhooks.endpoints import EndpointCommand, own_endpoint
from tekana.domain.book import Book
from tekana.domain.errors import Refused, WebhookEndpointDisabled, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookDeliveryId
from tekana.domain.webhooks import WEBHOOK_DELIVERIES, EndpointDelivery, WebhookDelivery

TEST_EVENT: Final = "WebhookTest"
"""The type of what is delivered. No event has it."""


class SendWebhookTest(EndpointCommand, frozen=True, kw_only=True):
    """Queue a delivery of the type `WebhookTest`, whatever types the endpoint gets."""

    NAME: ClassVar[str] = "SendWebhookTest"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WebhookEndpointNotFound, WebhookEndpointDisabled)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def decide(self, book: Book) -> WebhookDelivery:
        endpoint = own_endpoint(book, self.endpoint_id)
        endpoint.require_active()
        delivery_id = WebhookDeliveryId(book.new_id())
        event_id = f"{delivery_id}:1"
        payload = {
            "id": event_id,
            "type": TEST_EVENT,
            "aggregate": "webhook_endpoint",
            "aggregate_id": endpoint.id,
            "sequence": 1,
            "data": {},
        }
        delivery = WebhookDelivery(
            id=delivery_id,
            endpoint_id=endpoint.id,
            aggregate_id=delivery_id,  # a stream of its own
            sequence=1,
            event_id=event_id,
            event_type=TEST_EVENT,
            body=msgspec.json.encode(payload).decode(),
            created_at=book.now,
        )
        book.add(WEBHOOK_DELIVERIES, delivery_id, EndpointDelivery(delivery, endpoint))
        return delivery
