"""The webhook dispatcher: delivers what happens to those who asked for it, each aggregate's events in their order.

    outbox ─> a relay queues each event for the endpoints that want it ─> deliveries are claimed, sent, noted ─> …

Any number of dispatchers may run. One of their relays holds the lease; all of them deliver what is due. One that dies
leaves its claims behind, which end by themselves: what it had sent and not noted comes again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from tekana.application.event_payload import event_payload
from tekana.application.webhooks.signature import signature_headers
from tekana.application.workers.relay import Relay
from tekana.domain.errors import Unavailable
from tekana.domain.events import Event
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from tekana.ports.clock import Clock, NewId
from tekana.ports.publisher import RejectedEvent
from tekana.ports.webhooks import RELAY, DeliveryOutcome, NewWebhookDelivery, Undeliverable, WebhookSender, WebhookStore

_log = logging.getLogger("tekana.webhooks")

RETRY_DELAYS: Final = (
    *(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 8, 14, 20, 22)),
)
"""How long after each failed attempt the next one is due, give or take a tenth. Together some three days."""

DISABLE_AFTER: Final = timedelta(days=5)
"""An endpoint that knew nothing but failures for so long is disabled."""

LOG_RETENTION: Final = timedelta(days=30)
"""For how long deliveries are kept once they have ended."""

REQUEST_TIMEOUT_SECONDS: Final = 10.0
"""Seconds that a receiver has for its answer."""

MOST_AT_ONCE: Final = 8
"""How many deliveries one endpoint is sent at a time by one dispatcher."""

CLAIM: Final = 30.0
"""Seconds after which a claimed delivery without a recorded attempt is due again; more than REQUEST_TIMEOUT_SECONDS."""

_GONE: Final = 410
_LONGEST_ANSWER: Final = 1024
_LOOK: Final = 0.2
_NOBODY: Final = 1.0
_AFTER_FAILURE: Final = 1.0
_FORGET: Final = 3600.0


class WebhookQueue:
    """Implements tekana.ports.publisher.Publisher: an event is published once its deliveries are in the queue."""

    location = "the webhooks' queue"

    def __init__(self, store: WebhookStore, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Queue them for every endpoint that wants them."""
        endpoints = await self._store.webhook_endpoints.active()
        new = [one for event in events for one in self._deliveries(event, endpoints)]
        if new:
            await self._store.webhook_deliveries.queue(new)
        return ()

    def _deliveries(self, event: Event, endpoints: Sequence[WebhookEndpoint]) -> list[NewWebhookDelivery]:
        wanted_by = [one.id for one in endpoints if one.wants(type(event).__name__)]
        if not wanted_by:
            return []
        told = event_payload(event)
        body = msgspec.json.encode(told._asdict()).decode()
        return [
            NewWebhookDelivery(
                id=WebhookDeliveryId(self._new_id()),
                endpoint_id=endpoint_id,
                aggregate_id=told.aggregate_id,
                sequence=told.sequence,
                event_id=told.id,
                event_type=told.type,
                body=body,
            )
            for endpoint_id in wanted_by
        ]


class WebhookDispatcher:
    """Delivers a store's webhooks. `holder` names this process, for operators; `clock` dates what is sent."""

    def __init__(
        self, store: WebhookStore, sender: WebhookSender, new_id: NewId, *, holder: str, clock: Clock | None = None
    ) -> None:
        self._endpoints = store.webhook_endpoints
        self._deliveries = store.webhook_deliveries
        self._sender = sender
        self._clock = clock or (lambda: datetime.now(UTC))
        self._relay = Relay(store.outbox(RELAY), WebhookQueue(store, new_id), holder=holder, idle=_LOOK)
        self._relaying: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._sending_to: Counter[WebhookEndpointId] = Counter()
        self._one_ended = asyncio.Event()
        self._forget_at = 0.0
        self._failing = False

    async def run(self) -> None:
        """Work until cancelled. What fails is tried again for as long as it takes."""
        try:
            while True:
                try:
                    await self._deliver_what_is_due()
                    self._tell_success()
                except Unavailable as error:
                    self._tell_failure(error)
                    await asyncio.sleep(_AFTER_FAILURE)
                except Exception:  # not foreseen: to stop would help nobody
                    _log.exception("webhooks: failed")
                    await asyncio.sleep(_AFTER_FAILURE)
        finally:
            ending = [*self._sending, *([self._relaying] if self._relaying else [])]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            await self._sender.stop()

    async def _deliver_what_is_due(self) -> None:
        endpoints = {one.id: one for one in await self._endpoints.active()}
        await self._relay_for_somebody(bool(endpoints))
        await self._forget_what_is_old()
        if not endpoints:
            await asyncio.sleep(_NOBODY)
            return
        self._one_ended.clear()
        room = {one: MOST_AT_ONCE - self._sending_to[one] for one in endpoints}
        room = {one: places for one, places in room.items() if places > 0}
        for delivery in await self._deliveries.claim(room, CLAIM) if room else ():
            self._begin(endpoints[delivery.endpoint_id], delivery)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await self._one_ended.wait()

    async def _relay_for_somebody(self, somebody: bool) -> None:
        """Relay while any endpoint is active: to look through the outbox for nobody would cost all the same."""
        if somebody and self._relaying is None:
            self._relaying = asyncio.create_task(self._relay.run(), name="webhooks")
        elif not somebody and self._relaying is not None:
            self._relaying.cancel()
            await asyncio.gather(self._relaying, return_exceptions=True)
            self._relaying = None

    async def _forget_what_is_old(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._forget_at and not await self._deliveries.purge(LOG_RETENTION):
            self._forget_at = now + _FORGET

    def _begin(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
        task = asyncio.create_task(self._attempt(endpoint, delivery), name=f"webhook {delivery.id}")
        self._sending.add(task)
        self._sending_to[endpoint.id] += 1

        def ended(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            self._sending_to[endpoint.id] -= 1
            self._one_ended.set()
            if not task.cancelled() and (error := task.exception()):  # the claim ends by itself
                _log.warning("webhooks: the attempt of %s could not be noted: %s", delivery.id, error)

        task.add_done_callback(ended)

    async def _attempt(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
        attempt = await self._send(endpoint, delivery)
        failing_for = await self._deliveries.record(delivery, attempt, _verdict(delivery, attempt))
        if attempt.status_code == _GONE:
            await self._disable(endpoint, "it answered 410 Gone")
        elif failing_for >= DISABLE_AFTER:
            await self._disable(endpoint, f"nothing but failures for {DISABLE_AFTER.days} days")

    async def _send(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> DeliveryAttempt:
        body = delivery.body.encode()
        at = self._clock()
        headers = {
            "content-type": "application/json",
            "user-agent": "tekana-webhooks/1",
            **signature_headers(delivery.event_id, at, body, endpoint.secrets(at)),
        }
        clock = asyncio.get_running_loop().time
        began, status, answer, error = clock(), None, None, None
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                status, raw = await self._sender.send(endpoint.url, headers, body)
            answer = raw[:_LONGEST_ANSWER].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        except TimeoutError:
            error = f"no answer within {REQUEST_TIMEOUT_SECONDS:g} seconds"
        except Undeliverable as failure:
            error = str(failure)
        return DeliveryAttempt(at, round(1000 * (clock() - began)), status, answer, error)

    async def _disable(self, endpoint: WebhookEndpoint, reason: str) -> None:
        if await self._endpoints.disable(endpoint.id, reason):
            _log.warning("webhook endpoint %s of %s is disabled: %s", endpoint.id, endpoint.created_by, reason)

    def _tell_failure(self, error: Unavailable) -> None:
        if not self._failing:
            _log.warning("webhooks: %s; trying until it works", error)
        self._failing = True

    def _tell_success(self) -> None:
        if self._failing:
            _log.warning("webhooks: it works again")
        self._failing = False


def _verdict(delivery: WebhookDelivery, attempt: DeliveryAttempt) -> DeliveryOutcome:
    if attempt.succeeded:
        return "delivered"
    if delivery.tries >= len(RETRY_DELAYS):
        return "failed"
    return RETRY_DELAYS[delivery.tries] * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
