"""Webhook deliveries: the queue of them, and the log.

The deliveries of one aggregate to one endpoint are a delivery stream. They are sent one at a time, in the order of
their `sequence`. A stream waits only for its own first delivery, never for another stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, NamedTuple, Protocol

from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, NewWebhookDelivery, WebhookDelivery
from tekana.ports.page import Page, PageRequest

ATTEMPTS_MAX = 20
"""How many attempts are kept with a delivery: the last ones."""

DeliveryOutcome = Literal["delivered", "failed"] | timedelta
"""The result of an attempt: the end of the delivery, or the time until the next attempt."""


class FinishedAttempt(NamedTuple):
    """An attempt to record. `delivery` is as it was claimed."""

    delivery: WebhookDelivery
    attempt: DeliveryAttempt
    outcome: DeliveryOutcome


class WebhookDeliveries(Protocol):
    """The queue of deliveries, and the log of them. Safe for many tasks and processes at once.

    Tests are queued, and deliveries resent, by commands, in units of work.

    Every method may raise Unavailable. Methods that take a caller find only deliveries to that caller's endpoints.
    """

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        """Queue deliveries, all or none.

        Skip those whose endpoint already has one of this aggregate and sequence, those whose endpoint is not active,
        and those of events from before the endpoint's activation, by their `cursor`.
        """
        ...

    async def claim(
        self, capacity: Mapping[WebhookEndpointId, int], limit: int, seconds: float
    ) -> Sequence[WebhookDelivery]:
        """Claim the first delivery of streams that are due.

        Nothing of a claimed stream is given to another claim before it is recorded, or the seconds are over.

        Args:
            capacity: the most deliveries to claim for each endpoint. Those due longest come first.
            limit: the most deliveries in all. They are dealt to the endpoints in turns: an endpoint gets another one
                only when no endpoint with more remaining capacity has any that is due.
            seconds: how long the claim holds.
        """
        ...

    async def record(self, attempts: Sequence[FinishedAttempt]) -> Mapping[WebhookEndpointId, timedelta]:
        """Record attempts, oldest first, all or none. Release their streams: for the next delivery, or the same one.

        Returns:
            For each endpoint whose last attempt failed: the time since the first failure after its last success.
        """
        ...

    async def get(self, caller: Caller, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        """Return a delivery. Raises WebhookDeliveryNotFound."""
        ...

    async def list(self, caller: Caller, endpoint_id: WebhookEndpointId, page: PageRequest) -> Page[WebhookDelivery]:
        """Return a page of an endpoint's deliveries, newest first.

        Raises:
            InvalidRequest: the cursor is not valid.
            WebhookEndpointNotFound: the caller has no such endpoint.
        """
        ...

    async def purge(self, older_than: timedelta) -> int:
        """Remove some deliveries that ended longer ago, or whose endpoint is deleted.

        Returns:
            How many were removed; 0 once none is left.
        """
        ...
