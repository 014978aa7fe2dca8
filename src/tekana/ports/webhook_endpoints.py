"""Webhook endpoints: where they are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyKey

RELAY = "webhooks"
"""The name of the relay that queues events for endpoints."""


class NewWebhookEndpoint(NamedTuple):
    """An endpoint to create. The store adds the time."""

    id: WebhookEndpointId
    url: str
    description: str | None
    event_types: tuple[str, ...] | None
    secret: str


class ActiveWebhookEndpoint(NamedTuple):
    """What the dispatcher reads of every active endpoint: no URL and no secret.

    event_types: the types of events to deliver; None means all.
    failing: whether the last recorded attempt failed.
    """

    id: WebhookEndpointId
    event_types: tuple[str, ...] | None
    failing: bool

    def wants(self, event_type: str) -> bool:
        """Return whether events of this type are delivered to the endpoint."""
        return self.event_types is None or event_type in self.event_types


class WebhookClaim(NamedTuple):
    """The idempotency key of a request about webhooks, and the fingerprint of the request (64 bits, signed).

    Commands use the same keys: a key that was used for either can be used for nothing else.
    """

    key: IdempotencyKey
    fingerprint: int


class WebhookEndpoints(Protocol):
    """The endpoints as last saved. Safe for many tasks at once. Every method may raise Unavailable.

    Methods that take a caller raise WebhookEndpointNotFound unless the endpoint belongs to that caller.
    """

    async def add(self, caller: str, new: NewWebhookEndpoint, claim: WebhookClaim | None = None) -> WebhookEndpoint:
        """Keep a new, active endpoint. Every later event is delivered to it.

        With a claim, the key is kept in the same transaction.

        Nothing is queued while no endpoint is active. The first active endpoint therefore moves the relay `RELAY` to
        the end of the feed, in the same transaction.

        Raises:
            Conflict: the key is used. Nothing is added.
        """
        ...

    async def get(self, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Return an endpoint of the caller."""
        ...

    async def list(self, caller: str, page: PageRequest) -> Page[WebhookEndpoint]:
        """Return a page of the caller's endpoints, by id. Raises InvalidRequest for a bad cursor."""
        ...

    async def change(
        self, caller: str, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        """Set those of `url`, `description` and `event_types` that are given.

        A `status` of `active` also clears `failing_since` and `disabled_reason`; a `status` of `disabled` comes with a
        `disabled_reason`. An endpoint that becomes active gets later events only, as with `add`.
        """
        ...

    async def rotate_secret(
        self,
        caller: str,
        endpoint_id: WebhookEndpointId,
        secret: str,
        overlap: timedelta,
        claim: WebhookClaim | None = None,
    ) -> WebhookEndpoint:
        """Set a new secret. The previous one stays valid for `overlap`. The claim is as for `add`."""
        ...

    async def delete(self, caller: str, endpoint_id: WebhookEndpointId) -> None:
        """Delete an endpoint: nothing more is delivered, and neither it nor its deliveries can be read again."""
        ...

    async def active(self) -> Sequence[ActiveWebhookEndpoint]:
        """Return all active endpoints, of every caller."""
        ...

    async def find_active(self, endpoint_ids: Collection[WebhookEndpointId]) -> Sequence[WebhookEndpoint]:
        """Return those of these endpoints that are active, of any caller, in any order."""
        ...

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        """Disable an endpoint of any caller. Return False if it was not active."""
        ...
