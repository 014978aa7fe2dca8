"""Webhooks: where events are delivered over HTTP, and what became of each delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId

WebhookStatus = Literal["active", "disabled"]
DeliveryStatus = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """A URL that events are delivered to. It belongs to the caller that created it.

    event_types: the types of events that it gets; None: all.
    previous_secret: signs as well until `previous_secret_until`, so that a receiver can change over in peace.
    disabled_reason: why nothing is delivered; None while it is active.
    failing_since: the first of the failures since the last success; None after a success.
    """

    id: WebhookEndpointId
    url: str
    description: str | None
    event_types: tuple[str, ...] | None
    secret: str
    previous_secret: str | None = None
    previous_secret_until: datetime | None = None
    status: WebhookStatus = "active"
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    created_by: str
    created_at: datetime
    updated_at: datetime

    def wants(self, event_type: str) -> bool:
        """Whether it gets events of this type."""
        return self.event_types is None or event_type in self.event_types

    def secrets(self, at: datetime) -> tuple[str, ...]:
        """Those that sign at this moment, the newest first."""
        if self.previous_secret is None or self.previous_secret_until is None or self.previous_secret_until <= at:
            return (self.secret,)
        return (self.secret, self.previous_secret)


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook:
    """What a request about webhooks led to, as it is kept under its idempotency key: no secret is."""

    endpoint_id: WebhookEndpointId


class DeliveryAttempt(NamedTuple):
    """One try: the status that was answered and the first of its body, or (`status_code` None) why there was none."""

    at: datetime
    duration_ms: int
    status_code: int | None
    answer: str | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has it: any answer of 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """An event on its way to an endpoint, after those of the same aggregate with a lower `sequence`.

    body: what is sent, the same bytes each time.
    tries: how often it was tried since it was queued or asked for again; `attempts` are the last few.
    ended_at: when it was delivered or given up; None while it is pending.
    """

    id: WebhookDeliveryId
    endpoint_id: WebhookEndpointId
    aggregate_id: UUID
    sequence: int
    event_id: str
    event_type: str
    body: str
    status: DeliveryStatus = "pending"
    tries: int = 0
    attempts: tuple[DeliveryAttempt, ...] = ()
    created_at: datetime
    ended_at: datetime | None = None
