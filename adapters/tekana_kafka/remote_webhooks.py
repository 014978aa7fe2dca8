"""The webhooks of a gateway, which a service keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tekana.application.webhooks.webhooks import Configured
from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.page import Page, PageRequest
from tekana_kafka.webhook_commands import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    ResendWebhookDelivery,
    RotateWebhookSecret,
    SendWebhookTest,
    UpdateWebhookEndpoint,
    WebhookCommand,
)

Execute = Callable[[WebhookCommand, Caller, str | None], Awaitable[Any]]
"""Has a command executed for a caller, under a key, and returns its answer."""


class RemoteWebhooks:
    """As tekana.application.Webhooks, over the bus: changes are commands, the rest are queries.

    An endpoint has its secret where that is new, after `create` and `rotate_secret`, and "" everywhere else.
    """

    def __init__(self, execute: Execute, queries: Callable[[Caller], Any]) -> None:
        self._execute = execute
        self._queries = queries

    async def create(
        self,
        caller: Caller,
        *,
        url: str,
        description: str | None = None,
        event_types: Sequence[str] | None = None,
        key: str | None = None,
    ) -> Configured:
        """As `Webhooks.create`."""
        types = None if event_types is None else tuple(event_types)
        command = CreateWebhookEndpoint(url=url, description=description, event_types=types)
        done: Configured = await self._execute(command, caller, key)
        return done

    async def get(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """As `Webhooks.get`."""
        endpoint: WebhookEndpoint = await self._queries(caller).get(endpoint_id)
        return endpoint

    async def list(self, caller: Caller, page: PageRequest) -> Page[WebhookEndpoint]:
        """As `Webhooks.list`."""
        found: Page[WebhookEndpoint] = await self._queries(caller).list(page)
        return found

    async def update(
        self, caller: Caller, endpoint_id: WebhookEndpointId, changes: Mapping[str, Any]
    ) -> WebhookEndpoint:
        """As `Webhooks.update`."""
        command = UpdateWebhookEndpoint(endpoint_id=endpoint_id, **changes)
        endpoint: WebhookEndpoint = await self._execute(command, caller, None)
        return endpoint

    async def rotate_secret(
        self, caller: Caller, endpoint_id: WebhookEndpointId, *, key: str | None = None
    ) -> Configured:
        """As `Webhooks.rotate_secret`."""
        done: Configured = await self._execute(RotateWebhookSecret(endpoint_id=endpoint_id), caller, key)
        return done

    async def delete(self, caller: Caller, endpoint_id: WebhookEndpointId) -> None:
        """As `Webhooks.delete`."""
        await self._execute(DeleteWebhookEndpoint(endpoint_id=endpoint_id), caller, None)

    async def send_test(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookDelivery:
        """As `Webhooks.send_test`."""
        delivery: WebhookDelivery = await self._execute(SendWebhookTest(endpoint_id=endpoint_id), caller, None)
        return delivery

    async def deliveries(
        self, caller: Caller, endpoint_id: WebhookEndpointId, page: PageRequest
    ) -> Page[WebhookDelivery]:
        """As `Webhooks.deliveries`."""
        found: Page[WebhookDelivery] = await self._queries(caller).deliveries(endpoint_id, page)
        return found

    async def resend(self, caller: Caller, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        """As `Webhooks.resend`."""
        delivery: WebhookDelivery = await self._execute(ResendWebhookDelivery(delivery_id=delivery_id), caller, None)
        return delivery
