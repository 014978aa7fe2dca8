"""Webhook deliveries: the queue of them, and the log.

The deliveries of one aggregate to one endpoint are a delivery stream. They are sent one at a time, in the order of
their `sequence`. A stream waits only for its own first delivery, never for another stream.

Several deliveries of a stream are claimed together, as a run. They are sent one after another until one fails, and
their attempts are recorded together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, NewWebhookDelivery, WebhookDelivery
from tekana.ports.page import Page, PageRequest

ATTEMPTS_MAX = 20
"""How many attempts are kept with a delivery: the last ones."""

DeliveryOutcome = Literal["delivered", "failed"] | timedelta
"""The result of an attempt: the end of the delivery, or the time until the next attempt."""


class DeliveryRun(NamedTuple):
    """The first pending deliveries of a stream, in their order: at least one. They are claimed together.

    claimed_until: when the claim expires. It identifies the claim.
    """

    deliveries: Sequence[WebhookDelivery]
    claimed_until: datetime

    @property
    def endpoint_id(self) -> WebhookEndpointId:
        """The endpoint of the stream."""
        return self.deliveries[0].endpoint_id


class FinishedAttempt(NamedTuple):
    """An attempt to record. `delivery` is as it was claimed."""

    delivery: WebhookDelivery
    attempt: DeliveryAttempt
    outcome: DeliveryOutcome


class FinishedRun(NamedTuple):
    """What to record of a run.

    attempts: one at each of its first deliveries, in their order: at least one. Only the last may have failed.
    claimed_until: as it was claimed.
    """

    attempts: Sequence[FinishedAttempt]
    claimed_until: datetime

    @property
    def endpoint_id(self) -> WebhookEndpointId:
        """The endpoint of the stream."""
        return self.attempts[0].delivery.endpoint_id

    @property
    def aggregate_id(self) -> UUID:
        """The aggregate of the stream."""
        return self.attempts[0].delivery.aggregate_id

    @property
    def due_in(self) -> timedelta:
        """The time until the next delivery of the stream is due: until the next attempt, if the last one failed."""
        outcome = self.attempts[-1].outcome
        return outcome if isinstance(outcome, timedelta) else timedelta(0)


class WebhookDeliveries(Protocol):
    """The queue of deliveries, and the log of them. Safe for many tasks and processes at once.

    Tests are queued, and deliveries resent, by commands, in units of work.

    Every method may raise Unavailable. Methods that take a caller find only deliveries to endpoints that
    `can_access` gives access to.
    """

    async def queue(self, new: Sequence[NewWebhookDelivery]) -> None:
        """Queue deliveries, all or none.

        Skip those whose endpoint already has one of this aggregate and sequence, those whose endpoint is not active,
        and those of events from before the endpoint's activation, by their `cursor`.
        """
        ...

    async def claim(
        self, capacity: Mapping[WebhookEndpointId, int], limit: int, length: int, seconds: float
    ) -> Sequence[DeliveryRun]:
        """Claim streams that are due, and return a run of each.

        Nothing of a claimed stream is given to another claim before its run is recorded, or the seconds are over.

        Args:
            capacity: the most streams to claim for each endpoint. Those due longest come first.
            limit: the most streams in all. They are dealt to the endpoints in turns: an endpoint gets another one
                only when no endpoint with more remaining capacity has any that is due.
            length: the most deliveries of a run.
            seconds: how long the claim holds.
        """
        ...

    async def record(self, runs: Sequence[FinishedRun]) -> Mapping[WebhookEndpointId, timedelta]:
        """Record the attempts of runs, all or none. The runs are in the order in which they finished.

        Release each stream once, as its last outcome says: its next delivery is due at once, or the failed one after
        the time until its next attempt. A stream whose claim has expired, and that was claimed again since, is not
        released: its new claim holds. Skip attempts at deliveries that have ended since.

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
            WebhookEndpointNotFound: the caller has access to no such endpoint.
        """
        ...

    async def purge(self, older_than: timedelta) -> int:
        """Remove some deliveries that ended longer ago, or whose endpoint is deleted.

        Returns:
            How many were removed; 0 once none is left.
        """
        ...
