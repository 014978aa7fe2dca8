"""Rotate a secret: deliveries are signed with a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.webhooks.endpoints import EndpointCommand, keep_changed, own_endpoint
from tekana.domain.book import Book
from tekana.domain.errors import Refused, WebhookEndpointNotFound
from tekana.domain.webhooks import WebhookEndpoint


class RotateWebhookSecret(EndpointCommand, frozen=True, kw_only=True):
    """Give an endpoint a new secret, which the answer has. The previous one also signs for SECRET_OVERLAP.

    Under a key that comes again, the answer is the endpoint as it is then.
    """

    NAME: ClassVar[str] = "RotateWebhookSecret"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WebhookEndpointNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def fingerprinted(self) -> tuple[str, object]:
        """Return what fingerprints are made of. Keys of release 0.1 have this one."""
        return "tuple", ("rotate_secret", self.endpoint_id)

    def decide(self, book: Book) -> WebhookEndpoint:
        endpoint = own_endpoint(book, self.endpoint_id).rotate_secret(book.new_secret(self.endpoint_id), book.now)
        keep_changed(book, endpoint)
        return endpoint.with_new_secret()
