"""Webhooks: where events are delivered over HTTP, and the state of each delivery."""

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
    """A URL to deliver events to. It belongs to the caller that created it.

    event_types: the types of events to deliver; None means all.
    previous_secret: also signs until `previous_secret_until`, so that a receiver has time to change to the new one.
    disabled_reason: why nothing is delivered; None while the endpoint is active.
    failing_since: the first failure after the last success; None after a success.
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

    def secrets(self, at: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at this time, newest first."""
        if self.previous_secret is None or self.previous_secret_until is None or self.previous_secret_until <= at:
            return (self.secret,)
        return (self.secret, self.previous_secret)


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook:
    """The answer to a request about webhooks, as kept under its idempotency key. It holds no secret."""

    endpoint_id: WebhookEndpointId


class DeliveryAttempt(NamedTuple):
    """One attempt: the status and the start of the body of the response, or (`status_code` None) why there was none."""

    at: datetime
    duration_ms: int
    status_code: int | None
    answer: str | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver accepted the delivery: any status of 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhookDelivery:
    """An event for an endpoint. Those of one aggregate are sent in the order of their `sequence`.

    body: the bytes to send, the same at each attempt.
    """

    id: WebhookDeliveryId
    endpoint_id: WebhookEndpointId
    aggregate_id: UUID
    sequence: int
    event_id: str
    event_type: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery(NewWebhookDelivery):
    """A queued delivery, and its state.

    tries: the number of attempts since it was queued or last resent; `attempts` holds the last few.
    ended_at: when it was delivered or failed; None while it is pending.
    """

    status: DeliveryStatus = "pending"
    tries: int = 0
    attempts: tuple[DeliveryAttempt, ...] = ()
    created_at: datetime
    ended_at: datetime | None = None
