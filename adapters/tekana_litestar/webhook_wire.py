"""What goes over the wire about webhooks, beside what `wire` has."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tekana.domain.webhooks import DeliveryStatus, WebhookStatus
from tekana_litestar.wire import Body


class NewWebhookEndpoint(Body, frozen=True, kw_only=True):
    """Where events are to be delivered, and which; without `event_types`, all."""

    url: str
    description: str | None = None
    event_types: tuple[str, ...] | None = None


class WebhookEndpointChanges(Body, frozen=True, kw_only=True):
    """What to change; the rest stays."""

    url: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    event_types: tuple[str, ...] | UnsetType | None = UNSET
    status: WebhookStatus | UnsetType = UNSET


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that events are delivered to."""

    id: UUID
    url: str
    description: str | None
    event_types: tuple[str, ...] | None
    status: WebhookStatus
    disabled_reason: str | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookEndpointWithSecret(WebhookEndpoint, frozen=True, kw_only=True):
    """A URL that events are delivered to, with the secret that signs them."""

    secret: str


class WebhookAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: what was answered, or why nothing was."""

    at: datetime
    duration_ms: int
    status_code: int | None
    answer: str | None
    error: str | None


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to an endpoint, and the last attempts, the oldest first."""

    id: UUID
    endpoint_id: UUID
    event_id: str
    event_type: str
    status: DeliveryStatus
    attempts: tuple[WebhookAttempt, ...]
    created_at: datetime
    ended_at: datetime | None


class WebhookEndpointPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some webhook endpoints, in the order in which they were created."""

    items: tuple[WebhookEndpoint, ...]
    next_cursor: str | None


class WebhookDeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some deliveries, the newest first."""

    items: tuple[WebhookDelivery, ...]
    next_cursor: str | None
