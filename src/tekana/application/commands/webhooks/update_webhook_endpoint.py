"""Update an endpoint: other fields, or whether anything is delivered to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana.application.commands.webhooks.endpoints import EndpointCommand, keep_changed, own_endpoint
from tekana.application.commands.webhooks.validation import check_endpoint_fields
from tekana.domain.book import Book
from tekana.domain.errors import Refused, WebhookEndpointNotFound
from tekana.domain.lock_set import LockSet
from tekana.domain.webhooks import WEBHOOK_ACTIVATIONS, WEBHOOK_ENDPOINTS, WebhookEndpoint, WebhookStatus

_CHANGEABLE = ("url", "description", "event_types", "status")


class UpdateWebhookEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Change the fields that are given. The answer has no secret.

    Events that happen while an endpoint is disabled are not delivered to it. Deliveries queued before wait.
    """

    NAME: ClassVar[str] = "UpdateWebhookEndpoint"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WebhookEndpointNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"event_types": None, "status": "active"}

    url: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    event_types: tuple[str, ...] | UnsetType | None = UNSET
    status: WebhookStatus | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        check_endpoint_fields(self.changes())
        if self.event_types:  # a list, perhaps
            force_setattr(self, "event_types", tuple(self.event_types))

    def changes(self) -> dict[str, object]:
        """Return the fields that are given, with their new values."""
        return {name: value for name in _CHANGEABLE if (value := getattr(self, name)) is not UNSET}

    def locks(self) -> LockSet:
        endpoint = WEBHOOK_ENDPOINTS.ref(self.endpoint_id)
        return LockSet(others=(WEBHOOK_ACTIVATIONS.ref(None), endpoint) if self.status == "active" else (endpoint,))

    def decide(self, book: Book) -> WebhookEndpoint:
        endpoint = own_endpoint(book, self.endpoint_id).change(self.changes(), book.now)
        keep_changed(book, endpoint)
        return endpoint.without_secrets()
