"""The optional capability of a store to keep webhooks."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tekana.ports.data_keys import DataKeyStore
from tekana.ports.outbox import RelayedStore
from tekana.ports.webhook_deliveries import WebhookDeliveries
from tekana.ports.webhook_endpoints import WebhookEndpoints


@runtime_checkable
class WebhookStore(RelayedStore, DataKeyStore, Protocol):
    """A store that keeps webhooks, and the data keys that encrypt their secrets. Not every store has to."""

    @property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """The endpoints."""
        ...

    @property
    def webhook_deliveries(self) -> WebhookDeliveries:
        """The deliveries to them."""
        ...
