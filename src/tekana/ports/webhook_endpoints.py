"""Webhook endpoints: where they are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from tekana.domain.caller import Caller
from tekana.domain.events import Event
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.page import Page, PageRequest

RELAY = "webhooks"
"""The name of the relay that queues events for endpoints."""


ENCRYPTED = "encrypted:"
"""What an encrypted secret begins with.

A process of release 0.1 that still runs beside newer ones signs with what it reads. With these nine letters the text
has a length that no base64 has: the process fails to sign, and a newer one delivers after the claim has expired.
"""


class ActiveWebhookEndpoint(NamedTuple):
    """What the dispatcher reads of every active endpoint: no URL and no secret.

    tenant: the tenant whose events are delivered; None means all.
    event_types: the types of events to deliver; None means all.
    failing: whether the last recorded attempt failed.
    """

    id: WebhookEndpointId
    tenant: str | None
    event_types: tuple[str, ...] | None
    failing: bool

    def wants(self, event: Event) -> bool:
        """Return whether an event is delivered to the endpoint."""
        return self.tenant in (None, event.tenant) and (self.event_types is None or event.NAME in self.event_types)


class StoredSecrets(NamedTuple):
    """The secrets of an endpoint as they are stored: encrypted, unless an earlier version stored them."""

    endpoint_id: WebhookEndpointId
    secret: str
    previous_secret: str | None


class WebhookEndpoints(Protocol):
    """The endpoints as last saved. Safe for many tasks at once. Every method may raise Unavailable.

    Endpoints are created and changed by commands, in units of work. One that becomes active there gets later events
    only: those of units of work that are saved afterwards. Nothing is queued while no endpoint is active; so the first
    active one also moves the relay `RELAY` to the end of the feed, in the same transaction.

    Methods that take a caller find only the endpoints that `can_access` gives access to.
    """

    async def get(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Return an endpoint. Raises WebhookEndpointNotFound."""
        ...

    async def list(self, caller: Caller, page: PageRequest) -> Page[WebhookEndpoint]:
        """Return a page of the endpoints, by id. Raises InvalidRequest for a bad cursor."""
        ...

    async def active(self) -> Sequence[ActiveWebhookEndpoint]:
        """Return all active endpoints, of every caller."""
        ...

    async def find_active(self, endpoint_ids: Collection[WebhookEndpointId]) -> Sequence[WebhookEndpoint]:
        """Return those of these endpoints that are active, of any caller, in any order."""
        ...

    async def stored_secrets(self, *, encrypted: bool) -> Sequence[StoredSecrets]:
        """Return the secrets of all endpoints of every caller, also of deleted ones that are kept.

        Args:
            encrypted: whether to return those with an encrypted secret, or those with a readable one. A secret is
                encrypted if it begins with ENCRYPTED. One endpoint may have both.
        """
        ...

    async def replace_secrets(self, before: StoredSecrets, after: StoredSecrets) -> bool:
        """Replace the secrets of an endpoint, if they are still those before. Return whether they were.

        Nothing else of the endpoint changes, not even `updated_at`.
        """
        ...

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        """Disable an endpoint of any caller. Return False if it was not active."""
        ...
