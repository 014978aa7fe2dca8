"""Delete an endpoint: nothing more is delivered to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.webhooks.endpoints import EndpointCommand, keep_changed, own_endpoint
from tekana.domain.book import Book
from tekana.domain.errors import Refused, WebhookEndpointNotFound
from tekana.domain.webhook_answers import DeletedWebhook


class DeleteWebhookEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Delete an endpoint: nothing more is delivered, and neither it nor its deliveries can be read again."""

    NAME: ClassVar[str] = "DeleteWebhookEndpoint"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WebhookEndpointNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def decide(self, book: Book) -> DeletedWebhook:
        keep_changed(book, own_endpoint(book, self.endpoint_id).delete(book.now))
        return DeletedWebhook(self.endpoint_id)
