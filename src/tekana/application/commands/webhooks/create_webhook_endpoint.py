"""Create an endpoint: from then on, events are delivered to its URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.webhooks.validation import check_endpoint_fields
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WebhookEndpointNotFound
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.lock_set import LockSet
from tekana.domain.policy import has_all_tenants
from tekana.domain.webhooks import WEBHOOK_ACTIVATIONS, WEBHOOK_ENDPOINTS, WebhookEndpoint


class CreateWebhookEndpoint(Struct, frozen=True, kw_only=True):
    """Create an endpoint: every later event of these types, or of all, is delivered to the URL.

    The answer has the new secret. Under a key that comes again, it is the endpoint as it is then, or the refusal
    WebhookEndpointNotFound if it was deleted since.
    """

    NAME: ClassVar[str] = "CreateWebhookEndpoint"
    SCOPE: ClassVar[Scope] = "webhooks:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WebhookEndpointNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "url": "https://example.com/hooks",
        "description": "Accounting",
        "event_types": ["FundsDeposited", "FundsTransferred"],
    }

    url: str
    description: str | None = None
    event_types: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_endpoint_fields({"url": self.url, "description": self.description, "event_types": self.event_types})
        if self.event_types is not None:
            force_setattr(self, "event_types", tuple(self.event_types))

    def fingerprinted(self) -> tuple[str, object]:
        """Return what fingerprints are made of. Keys of release 0.1 have this one."""
        return "tuple", ("create", self.url, self.description, self.event_types)

    def locks(self) -> LockSet:
        return LockSet(others=(WEBHOOK_ACTIVATIONS.ref(None),))

    def decide(self, book: Book) -> WebhookEndpoint:
        endpoint_id = WebhookEndpointId(book.new_id())
        endpoint = WebhookEndpoint(
            id=endpoint_id,
            tenant=None if has_all_tenants(book.caller) else book.caller.tenant,
            url=self.url,
            description=self.description,
            event_types=self.event_types,
            secret=book.new_secret(endpoint_id),
            created_by=book.caller.subject,
            created_at=book.now,
            updated_at=book.now,
        )
        book.add(WEBHOOK_ENDPOINTS, endpoint.id, endpoint)
        return endpoint
