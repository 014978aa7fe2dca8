"""Answers to webhook commands, as kept under idempotency keys: references, so that no key holds a secret.

A repeated request is answered with the endpoint, or the delivery, as it is then. If it is gone by then, the request is
refused, as one that is not a repeated one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tekana.domain.errors import WebhookDeliveryNotFound, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint, delivery_not_found, endpoint_not_found


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook:
    """Stands for the answer to a creation or a rotation: the endpoint with its secret."""

    endpoint_id: WebhookEndpointId

    def not_found(self) -> WebhookEndpointNotFound:
        """Build the refusal for an endpoint that was deleted since."""
        return endpoint_not_found(self.endpoint_id)


@dataclass(frozen=True, slots=True)
class ChangedWebhook:
    """Stands for the answer to an update: the endpoint without a secret."""

    endpoint_id: WebhookEndpointId

    def not_found(self) -> WebhookEndpointNotFound:
        """Build the refusal for an endpoint that was deleted since."""
        return endpoint_not_found(self.endpoint_id)


@dataclass(frozen=True, slots=True)
class QueuedWebhook:
    """Stands for the answer to a test or a resend: the delivery."""

    delivery_id: WebhookDeliveryId

    def not_found(self) -> WebhookDeliveryNotFound:
        """Build the refusal for a delivery that is not kept any more."""
        return delivery_not_found(self.delivery_id)


@dataclass(frozen=True, slots=True)
class DeletedWebhook:
    """The answer to a deletion. It is kept as it is."""

    endpoint_id: WebhookEndpointId


WebhookReference = ConfiguredWebhook | ChangedWebhook | QueuedWebhook
"""What is kept under a key instead of an answer."""


def reference_of(answer: WebhookEndpoint | WebhookDelivery) -> WebhookReference:
    """Return what to keep under the key of a command with this answer."""
    if isinstance(answer, WebhookDelivery):
        return QueuedWebhook(answer.id)
    return ConfiguredWebhook(answer.id) if answer.secret else ChangedWebhook(answer.id)


def endpoint_answer(
    reference: ConfiguredWebhook | ChangedWebhook, endpoint: WebhookEndpoint | None
) -> WebhookEndpoint | WebhookReference:
    """Return the answer that a reference stands for now; the reference itself if the endpoint is gone."""
    if endpoint is None or endpoint.deleted:
        return reference
    return endpoint.with_new_secret() if isinstance(reference, ConfiguredWebhook) else endpoint.without_secrets()
