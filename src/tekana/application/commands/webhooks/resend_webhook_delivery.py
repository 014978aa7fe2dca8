"""Resend a delivery: it is delivered again, whatever became of it before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.application.commands.webhooks.endpoints import is_own
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WebhookDeliveryNotFound, WebhookEndpointDisabled
from tekana.domain.identifiers import WebhookDeliveryId
from tekana.domain.lock_set import LockSet
from tekana.domain.webhooks import WEBHOOK_DELIVERIES, WebhookDelivery, delivery_not_found


class ResendWebhookDelivery(Struct, frozen=True, kw_only=True):
    """Make a delivery pending and due, before later ones of its stream, whatever its state is.

    The delivery is read, not locked (see `WEBHOOK_DELIVERIES`): what a dispatcher records meanwhile is kept, and an
    endpoint that is disabled meanwhile gets the delivery when it is enabled again.
    """

    NAME: ClassVar[str] = "ResendWebhookDelivery"
    SCOPE: ClassVar[Scope] = "webhooks:write"
    IDS: ClassVar[tuple[str, ...]] = ("delivery_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WebhookDeliveryNotFound, WebhookEndpointDisabled)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    delivery_id: WebhookDeliveryId

    def locks(self) -> LockSet:
        return LockSet(others=(WEBHOOK_DELIVERIES.ref(self.delivery_id),))

    def decide(self, book: Book) -> WebhookDelivery:
        found = book.locked.of(WEBHOOK_DELIVERIES).get(self.delivery_id)
        if found is None or not is_own(book, found.endpoint):
            raise delivery_not_found(self.delivery_id)
        found.endpoint.require_active()
        resent = found._replace(delivery=found.delivery.resend(), due_at=book.now)
        book.locked.of(WEBHOOK_DELIVERIES)[self.delivery_id] = resent
        book.change(WEBHOOK_DELIVERIES, self.delivery_id, resent)
        return resent.delivery
