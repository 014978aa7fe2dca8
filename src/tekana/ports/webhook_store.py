"""The optional capability of a store to keep webhooks."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tekana.ports.outbox import RelayedStore
from tekana.ports.webhook_deliveries import WebhookDeliveries
from tekana.ports.webhook_endpoints import WebhookEndpoints


@runtime_checkable
class WebhookStore(RelayedStore, Protocol):
    """A store that keeps webhooks. Not every store has to."""

    @property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """The endpoints."""
        ...

    @property
    def webhook_deliveries(self) -> WebhookDeliveries:
        """The deliveries to them."""
        ...
