"""What commands about an endpoint share: they find it if the caller has access, and keep a changed one."""

from __future__ import annotations

from typing import ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.lock_set import LockSet
from tekana.domain.policy import can_access
from tekana.domain.webhooks import WEBHOOK_ENDPOINTS, WebhookEndpoint, endpoint_not_found


class EndpointCommand(Struct, frozen=True, kw_only=True):
    """The base of commands about an endpoint."""

    SCOPE: ClassVar[Scope] = "webhooks:write"
    IDS: ClassVar[tuple[str, ...]] = ("endpoint_id",)

    endpoint_id: WebhookEndpointId

    def locks(self) -> LockSet:
        return LockSet(others=(WEBHOOK_ENDPOINTS.ref(self.endpoint_id),))


def own_endpoint(book: Book, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
    """Return a locked endpoint that the caller has access to. Raises WebhookEndpointNotFound."""
    endpoint = book.locked.of(WEBHOOK_ENDPOINTS).get(endpoint_id)
    if endpoint is None or not is_own(book, endpoint):
        raise endpoint_not_found(endpoint_id)
    return endpoint


def is_own(book: Book, endpoint: WebhookEndpoint) -> bool:
    """Return whether the endpoint is there for the caller: they have access to it, and it is not deleted."""
    return can_access(book.caller, endpoint.tenant) and not endpoint.deleted


def keep_changed(book: Book, endpoint: WebhookEndpoint) -> None:
    """Have the endpoint kept in place of the one that was locked."""
    book.locked.of(WEBHOOK_ENDPOINTS)[endpoint.id] = endpoint
    book.change(WEBHOOK_ENDPOINTS, endpoint.id, endpoint)
