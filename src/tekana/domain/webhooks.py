"""Webhooks: where events are delivered over HTTP, and the state of each delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal, NamedTuple
from uuid import UUID

from tekana.domain.errors import WebhookDeliveryNotFound, WebhookEndpointDisabled, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.lock_set import LockKind

WebhookStatus = Literal["active", "disabled"]
DeliveryStatus = Literal["pending", "delivered", "failed"]

SECRET_OVERLAP: Final = timedelta(hours=24)
"""How long the previous secret also signs after a rotation."""

_DISABLED_BY_OWNER: Final = "by its owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """A URL to deliver events to. It belongs to the tenant of the caller that created it.

    tenant: the tenant that it belongs to, and whose events are delivered; None for those of all tenants.
    event_types: the types of events to deliver; None means all.
    secret: signs deliveries. It is encrypted where it is stored.
    previous_secret: also signs until `previous_secret_until`, so that a receiver has time to change to the new one.
    disabled_reason: why nothing is delivered; None while the endpoint is active.
    failing_since: the first failure after the last success; None after a success.
    deleted: whether its owner deleted it: then nothing is delivered, and no reader returns it.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = ("event_types", "status", "previous_secret_until", "deleted")
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]] = ("url", "description")

    id: WebhookEndpointId
    tenant: str | None = None
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
    deleted: bool = False

    @property
    def active(self) -> bool:
        """Whether events are delivered to it."""
        return self.status == "active" and not self.deleted

    def secrets(self, at: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at this time, newest first."""
        if self.previous_secret is None or self.previous_secret_until is None or self.previous_secret_until <= at:
            return (self.secret,)
        return (self.secret, self.previous_secret)

    def change(self, changes: Mapping[str, Any], at: datetime) -> WebhookEndpoint:
        """Return the endpoint with new values for those of `url`, `description`, `event_types` and `status` given."""
        values: dict[str, Any] = {"updated_at": at, **changes}
        if changes.get("status") == "disabled":
            values |= {"disabled_reason": _DISABLED_BY_OWNER}
        elif changes.get("status") == "active" and self.status == "disabled":
            values |= {"disabled_reason": None, "failing_since": None}
        return replace(self, **values)

    def rotate_secret(self, secret: str, at: datetime) -> WebhookEndpoint:
        """Return the endpoint with a new secret. The previous one also signs for SECRET_OVERLAP."""
        return replace(
            self,
            secret=secret,
            previous_secret=self.secret,
            previous_secret_until=at + SECRET_OVERLAP,
            updated_at=at,
        )

    def delete(self, at: datetime) -> WebhookEndpoint:
        """Return the deleted endpoint."""
        return replace(self, deleted=True, updated_at=at)

    def require_active(self) -> None:
        """Raises WebhookEndpointDisabled unless events are delivered to it."""
        if not self.active:
            raise WebhookEndpointDisabled(f"the webhook endpoint is disabled ({self.disabled_reason}): enable it first")

    def with_new_secret(self) -> WebhookEndpoint:
        """Return what is shown after a creation or a rotation: the endpoint with its secret, without the previous."""
        return replace(self, previous_secret=None)

    def without_secrets(self) -> WebhookEndpoint:
        """Return what is shown at any other time: no secret is shown twice."""
        return replace(self, secret="", previous_secret=None)


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
    cursor: the event's place in the feed, by which it is left out if it is from before the endpoint's activation; None
        for what is queued whatever it is about. It is not kept.
    """

    id: WebhookDeliveryId
    endpoint_id: WebhookEndpointId
    aggregate_id: UUID
    sequence: int
    event_id: str
    event_type: str
    body: str
    cursor: str | None = None


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

    def resend(self) -> WebhookDelivery:
        """Return the delivery as one that is to be sent, with all attempts anew."""
        return replace(self, status="pending", tries=0, ended_at=None)


class EndpointDelivery(NamedTuple):
    """A delivery, with its endpoint; `due_at` says from when on it is to be sent again, if it is."""

    delivery: WebhookDelivery
    endpoint: WebhookEndpoint
    due_at: datetime | None = None

    @property
    def tenant(self) -> str | None:
        """The tenant of the endpoint."""
        return self.endpoint.tenant


WEBHOOK_ENDPOINTS: Final = LockKind[WebhookEndpointId, WebhookEndpoint]("webhook_endpoint")

WEBHOOK_DELIVERIES: Final = LockKind[WebhookDeliveryId, EndpointDelivery]("webhook_delivery")
"""Read with the locks, not locked, as dispatchers lock them in an order of their own. What is saved is a queue action:
an added delivery is queued, a changed one is made pending and due, whatever its state is by then."""

WEBHOOK_ACTIVATIONS: Final = LockKind[None, None]("webhook_activation")
"""One item, which exists without being stored. A unit of work that activates endpoints has it locked."""


def endpoint_not_found(endpoint_id: WebhookEndpointId) -> WebhookEndpointNotFound:
    """Build the refusal of a request about an endpoint that the caller does not have."""
    return WebhookEndpointNotFound(f"no webhook endpoint has the id {endpoint_id}")


def delivery_not_found(delivery_id: WebhookDeliveryId) -> WebhookDeliveryNotFound:
    """Build the refusal of a request about a delivery that the caller does not have."""
    return WebhookDeliveryNotFound(f"no webhook delivery has the id {delivery_id}")
