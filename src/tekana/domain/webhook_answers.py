"""Answers to webhook commands, as kept under idempotency keys: references, so that no key holds a secret."""

from __future__ import annotations

from dataclasses import dataclass

from tekana.domain.answer_reference import AnswerReference
from tekana.domain.errors import WebhookDeliveryNotFound, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.lock_set import Ref
from tekana.domain.webhooks import (
    WEBHOOK_DELIVERIES,
    WEBHOOK_ENDPOINTS,
    EndpointDelivery,
    WebhookDelivery,
    WebhookEndpoint,
    delivery_not_found,
    endpoint_not_found,
)


@dataclass(frozen=True, slots=True)
class _EndpointReference(AnswerReference):
    endpoint_id: WebhookEndpointId

    @property
    def ref(self) -> Ref:
        return WEBHOOK_ENDPOINTS.ref(self.endpoint_id)

    def not_found(self) -> WebhookEndpointNotFound:
        return endpoint_not_found(self.endpoint_id)


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook(_EndpointReference):
    """Stands for the answer to a creation or a rotation: the endpoint with its secret."""

    def resolve(self, item: object) -> WebhookEndpoint | ConfiguredWebhook:
        return item.with_new_secret() if isinstance(item, WebhookEndpoint) and not item.deleted else self


@dataclass(frozen=True, slots=True)
class ChangedWebhook(_EndpointReference):
    """Stands for the answer to an update: the endpoint without a secret."""

    def resolve(self, item: object) -> WebhookEndpoint | ChangedWebhook:
        return item.without_secrets() if isinstance(item, WebhookEndpoint) and not item.deleted else self


@dataclass(frozen=True, slots=True)
class QueuedWebhook(AnswerReference):
    """Stands for the answer to a test or a resend: the delivery."""

    delivery_id: WebhookDeliveryId

    @property
    def ref(self) -> Ref:
        return WEBHOOK_DELIVERIES.ref(self.delivery_id)

    def resolve(self, item: object) -> WebhookDelivery | QueuedWebhook:
        return item.delivery if isinstance(item, EndpointDelivery) and not item.endpoint.deleted else self

    def not_found(self) -> WebhookDeliveryNotFound:
        return delivery_not_found(self.delivery_id)


@dataclass(frozen=True, slots=True)
class DeletedWebhook:
    """The answer to a deletion. It is kept as it is."""

    endpoint_id: WebhookEndpointId


def endpoint_reference(endpoint: WebhookEndpoint) -> ConfiguredWebhook | ChangedWebhook:
    """Return what to keep under the key of a command with this answer."""
    return ConfiguredWebhook(endpoint.id) if endpoint.secret else ChangedWebhook(endpoint.id)


def delivery_reference(delivery: WebhookDelivery) -> QueuedWebhook:
    """Return what to keep under the key of a command with this answer."""
    return QueuedWebhook(delivery.id)
