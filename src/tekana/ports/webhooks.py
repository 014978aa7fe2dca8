"""Webhooks: where endpoints and deliveries are kept, and what sends them.

The deliveries of one aggregate to one endpoint are a line: they go one at a time, in the order of their `sequence`. A
line waits for nothing but its own first delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from tekana.ports.outbox import RelayedStore
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyKey

RELAY = "webhooks"
"""The name of the relay that queues events for endpoints."""

ATTEMPTS_MAX = 20
"""How many attempts are kept with a delivery, the last ones."""


class NewWebhookEndpoint(NamedTuple):
    """An endpoint that is to be created; the moment is the store's."""

    id: WebhookEndpointId
    url: str
    description: str | None
    event_types: tuple[str, ...] | None
    secret: str


class WebhookClaim(NamedTuple):
    """The idempotency key of a request about webhooks, and the fingerprint of what it asks for (64 bits, signed).

    Keys are those of commands: one that was used for either can be used for nothing else.
    """

    key: IdempotencyKey
    fingerprint: int


class WebhookEndpoints(Protocol):
    """The endpoints as last saved. Safe to use from many tasks at once; everything may raise Unavailable.

    What names a caller raises WebhookEndpointNotFound unless the endpoint is that caller's.
    """

    async def add(self, caller: str, new: NewWebhookEndpoint, claim: WebhookClaim | None = None) -> WebhookEndpoint:
        """Keep a new endpoint, active. It gets all that happens from now on.

        With a claim, its key is kept in the same step. Raises Conflict if it is used by now, and adds nothing.

        Nothing is queued while no endpoint is active. So the first one that is makes the relay of the name `RELAY`
        begin where the feed ends, in the same step.
        """
        ...

    async def get(self, caller: str, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """One of the caller's."""
        ...

    async def list(self, caller: str, page: PageRequest) -> Page[WebhookEndpoint]:
        """The caller's, in the order of their ids. Raises InvalidRequest for a bad cursor."""
        ...

    async def change(
        self, caller: str, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        """Set `url`, `description` and `event_types`, those that are given.

        A `status` of `active` also forgets failures and why it was disabled; one of `disabled` comes with a
        `disabled_reason`. What becomes active is told what happens from now on, as with `add`.
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
        """Set a new secret; the one before it signs as well for so long. The claim is as for `add`."""
        ...

    async def delete(self, caller: str, endpoint_id: WebhookEndpointId) -> None:
        """Nothing is delivered any more, and nobody sees the endpoint or its deliveries again."""
        ...

    async def active(self) -> Sequence[WebhookEndpoint]:
        """All that are active, of every caller."""
        ...

    async def disable(self, endpoint_id: WebhookEndpointId, reason: str) -> bool:
        """Disable it, whoever's it is; False if it was not active any more."""
        ...


class NewWebhookDelivery(NamedTuple):
    """A delivery that is to be queued. `aggregate_id` and `sequence` are its line, and its place in it."""

    id: WebhookDeliveryId
    endpoint_id: WebhookEndpointId
    aggregate_id: UUID
    sequence: int
    event_id: str
    event_type: str
    body: str


DeliveryOutcome = Literal["delivered", "failed"] | timedelta
"""What an attempt led to: the end of the delivery, or after how long the next attempt is due."""


class WebhookDeliveries(Protocol):
    """The queue of deliveries, and the log of them. Safe to use from many tasks and processes at once.

    Everything may raise Unavailable. What names a caller knows the deliveries of that caller's endpoints alone.
    """

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        """Queue them, all or nothing, but for those whose endpoint has one of this aggregate and sequence already."""
        ...

    async def claim(self, room: Mapping[WebhookEndpointId, int], seconds: float) -> Sequence[WebhookDelivery]:
        """The first delivery of lines that are due, at most so many for each endpoint, those due longest.

        Nobody else is given them for so many seconds, nor anything else of their lines.
        """
        ...

    async def record(self, delivery: WebhookDelivery, attempt: DeliveryAttempt, verdict: DeliveryOutcome) -> timedelta:
        """Note an attempt, and free the line: for its next delivery, or for the same one later.

        Gives for how long the endpoint has known nothing but failures; zero after a success.
        """
        ...

    async def get(self, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        """Raises WebhookDeliveryNotFound if there is none."""
        ...

    async def list(self, caller: str, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        """Those to an endpoint, the newest first. Raises InvalidRequest for a bad cursor, WebhookEndpointNotFound."""
        ...

    async def request_retry(self, caller: str, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        """Have it delivered again, at once and before later ones of its line. Raises WebhookDeliveryNotFound."""
        ...

    async def purge(self, older_than: timedelta) -> int:
        """Remove some that ended longer ago, or whose endpoint is deleted; gives how many: 0 once all are gone."""
        ...


class WebhookSender(Protocol):
    """Sends over HTTP. It is built without touching the world. For many tasks of one event loop at a time."""

    async def check(self, url: str) -> None:
        """Raises InvalidRequest, about `url`, unless it may be sent to, as far as can be told now."""
        ...

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """POST it; gives the status and the first of the answer's body. Follows no redirect.

        Raises Undeliverable if no answer comes, or the address that it would connect to may not be sent to.
        """
        ...

    async def stop(self) -> None:
        """Let go of everything. May be called twice."""
        ...


class Undeliverable(Exception):
    """There was no answer. Its text says why, in words that the endpoint's owner may read."""


@runtime_checkable
class WebhookStore(RelayedStore, Protocol):
    """A store that keeps webhooks: not every one has to."""

    @property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """The endpoints."""
        ...

    @property
    def webhook_deliveries(self) -> WebhookDeliveries:
        """The deliveries to them."""
        ...
