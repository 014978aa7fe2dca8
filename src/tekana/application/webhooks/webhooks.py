"""Webhooks: what a caller reads about endpoints and deliveries. Changes are commands."""

from __future__ import annotations

from tekana.application.commands.validation import check_page, to_id
from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.page import Page, PageRequest
from tekana.ports.webhook_store import WebhookStore


class Webhooks:
    """Reads the endpoints of the caller's tenant and their deliveries; those of others are not found.

    No endpoint has a secret here: the answers to `CreateWebhookEndpoint` and `RotateWebhookSecret` alone have it.
    """

    def __init__(self, store: WebhookStore, caller: Caller) -> None:
        self._endpoints = store.webhook_endpoints
        self._deliveries = store.webhook_deliveries
        self._caller = caller

    async def get(self, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Return an endpoint. Raises WebhookEndpointNotFound."""
        id_ = WebhookEndpointId(to_id("endpoint_id", endpoint_id))
        return (await self._endpoints.get(self._caller, id_)).without_secrets()

    async def list(self, page: PageRequest) -> Page[WebhookEndpoint]:
        """Return a page of endpoints, in the order of their creation."""
        found = await self._endpoints.list(self._caller, check_page(page))
        return found._replace(items=tuple([one.without_secrets() for one in found.items]))

    async def deliveries(self, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        """Return a page of an endpoint's deliveries, newest first. Raises WebhookEndpointNotFound."""
        id_ = WebhookEndpointId(to_id("endpoint_id", endpoint_id))
        return await self._deliveries.list(self._caller, id_, check_page(page))
