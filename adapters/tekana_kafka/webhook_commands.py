"""What the owners of webhooks ask for, as commands on the bus.

They are executed by `tekana.application.Webhooks`. One that becomes a command of the core leaves this file, and changes
its line in `service_table` and in `command_handlers`.
"""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId


class WebhookCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of these commands.

    Attributes:
        NAME: the stable name on the bus. It never changes, even where the class does.
    """

    NAME: ClassVar[str]

    def partition_key(self) -> UUID | None:
        """Return what the command is about, whose commands stay in order; None if there is nothing yet."""
        return None


class EndpointCommand(WebhookCommand, frozen=True, kw_only=True):
    """The base of those about an endpoint."""

    endpoint_id: WebhookEndpointId

    def partition_key(self) -> UUID | None:
        """Return the endpoint."""
        return self.endpoint_id


class CreateWebhookEndpoint(WebhookCommand, frozen=True, kw_only=True):
    """As `Webhooks.create`. The answer has the new secret."""

    NAME: ClassVar[str] = "CreateWebhookEndpoint"

    url: str
    description: str | None = None
    event_types: tuple[str, ...] | None = None


class UpdateWebhookEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """As `Webhooks.update`: the fields that are given are changed."""

    NAME: ClassVar[str] = "UpdateWebhookEndpoint"

    url: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    event_types: tuple[str, ...] | UnsetType | None = UNSET
    status: Literal["active", "disabled"] | UnsetType = UNSET

    @property
    def changes(self) -> dict[str, object]:
        """The fields that are given."""
        fields = {name: getattr(self, name) for name in ("url", "description", "event_types", "status")}
        return {name: value for name, value in fields.items() if value is not UNSET}


class RotateWebhookSecret(EndpointCommand, frozen=True, kw_only=True):
    """As `Webhooks.rotate_secret`. The answer has the new secret."""

    NAME: ClassVar[str] = "RotateWebhookSecret"


class DeleteWebhookEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """As `Webhooks.delete`."""

    NAME: ClassVar[str] = "DeleteWebhookEndpoint"


class SendWebhookTest(EndpointCommand, frozen=True, kw_only=True):
    """As `Webhooks.send_test`."""

    NAME: ClassVar[str] = "SendWebhookTest"


class ResendWebhookDelivery(WebhookCommand, frozen=True, kw_only=True):
    """As `Webhooks.resend`."""

    NAME: ClassVar[str] = "ResendWebhookDelivery"

    delivery_id: WebhookDeliveryId

    def partition_key(self) -> UUID | None:
        """Return the delivery."""
        return self.delivery_id
