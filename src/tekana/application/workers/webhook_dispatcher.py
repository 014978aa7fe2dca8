"""The webhook dispatcher: delivers events to webhook endpoints, each aggregate's in their order.

    outbox ─> a relay queues each event for the endpoints that want it ─> claim ─> send ─> record ─> …

Any number of processes may run both. One of the relays holds the lease; all dispatchers deliver what is due. The claims
of one that dies expire: what it had sent and not recorded is sent again.

A run of deliveries of one stream is claimed, sent in order and recorded together. It ends at the first failure, at a
pause of its endpoint, and after RUN_SECONDS. So the claim outlasts it, other streams wait for it no longer than that,
and an endpoint that was changed, disabled or deleted gets no more requests as it was before.

Nothing is claimed before the data key of the secrets is loaded. The secrets of an endpoint are decrypted for each run;
one that cannot be decrypted is skipped: its claim expires, and no attempt is counted.

The dispatcher shares an event loop with commands that move money, so all of its work is bounded: `SendCapacity` bounds
what is in flight; each step records, claims and starts a bounded number of runs, and waits for the database each time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from tekana.application.secrets.encryption import DamagedText
from tekana.application.webhooks.attempt import outcome_of, send_delivery
from tekana.application.webhooks.capacity import SendCapacity
from tekana.application.webhooks.endpoint_secrets import EndpointSecrets
from tekana.application.webhooks.event_queue import WebhookEventQueue
from tekana.application.workers.backoff import Retry
from tekana.application.workers.leased_worker import LeasedWorker
from tekana.application.workers.relay import Relay
from tekana.domain.errors import Unavailable
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.clock import Clock, NewId
from tekana.ports.webhook_deliveries import DeliveryRun, FinishedAttempt, FinishedRun
from tekana.ports.webhook_endpoints import RELAY, ActiveWebhookEndpoint
from tekana.ports.webhook_sender import WebhookSender
from tekana.ports.webhook_store import WebhookStore

_log = logging.getLogger("tekana.webhooks")

DISABLE_AFTER: Final = timedelta(days=5)
"""An endpoint whose attempts have all failed for so long is disabled."""

LOG_RETENTION: Final = timedelta(days=30)
"""How long deliveries are kept after they have ended."""

CLAIM_SECONDS: Final = 30.0
"""A claimed run that is not recorded is due again after this; more than RUN_SECONDS and REQUEST_TIMEOUT_SECONDS."""

RUN_LENGTH_MAX: Final = 16
"""The most deliveries of a stream to claim together: so many are sent again after a process was killed."""

RUN_SECONDS: Final = 0.2
"""After this no further delivery of a run is sent: its stream is claimed again, and its endpoint read again."""

_GONE: Final = 410
_START_MAX: Final = 32  # runs a step
_RECORD_MAX: Final = 64  # runs a statement
_POLL_SECONDS: Final = 0.2
_REFRESH_SECONDS: Final = 1.0
_PURGE_SECONDS: Final = 3600.0
_LAST_RECORD_SECONDS: Final = 2.0


def webhook_queue_worker(store: WebhookStore, new_id: NewId, *, holder: str) -> LeasedWorker:
    """Create the worker that queues events for the endpoints that want them, while any endpoint is active.

    `holder` is the name of this process, for operators.
    """

    async def is_needed() -> bool:
        return bool(await store.webhook_endpoints.active())

    outbox = store.outbox(RELAY)
    relay = Relay(outbox, WebhookEventQueue(store, new_id).publish, idle_seconds=_POLL_SECONDS)
    return LeasedWorker("webhook queue", outbox.lease, relay.run_once, holder=holder, is_needed=is_needed)


class WebhookDispatcher:
    """Delivers the webhooks that are queued.

    Args:
        store: the store with the endpoints and the queue.
        sender: sends the requests.
        secrets: decrypts the secrets of endpoints.
        clock: dates what is sent; None for the clock of this machine.
    """

    name = "webhook delivery"

    def __init__(
        self, store: WebhookStore, sender: WebhookSender, secrets: EndpointSecrets, *, clock: Clock | None = None
    ) -> None:
        self._endpoints = store.webhook_endpoints
        self._deliveries = store.webhook_deliveries
        self._sender = sender
        self._secrets = secrets
        self._clock = clock or (lambda: datetime.now(UTC))
        self._active: Sequence[ActiveWebhookEndpoint] = ()
        self._capacity = SendCapacity()
        self._sending: set[asyncio.Task[None]] = set()
        self._finished: list[FinishedRun] = []
        self._any_finished = asyncio.Event()
        self._refresh_at = self._purge_at = 0.0
        self._retry = Retry("webhooks", _log)

    async def run(self) -> None:
        """Deliver until cancelled. Whatever fails is tried again without end."""
        try:
            while True:
                await self._retry.until_success(self._step)
        finally:
            await self._stop()

    async def _step(self) -> None:
        self._any_finished.clear()
        await self._record_finished()
        await self._refresh()
        await self._start_due()
        await self._purge()
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._any_finished.wait()

    async def _record_finished(self) -> None:
        """Record what has finished since the last step. What cannot be recorded now stays for the next step."""
        while finished := self._finished[:_RECORD_MAX]:
            failing = await self._record(finished)
            del self._finished[: len(finished)]
            await self._disable_dead(finished, failing)

    async def _record(self, finished: Sequence[FinishedRun]) -> Mapping[WebhookEndpointId, timedelta]:
        try:
            return await self._deliveries.record(finished)
        except Unavailable:
            raise
        except Exception:  # a bug: it must not hold up the runs recorded with it, and its claim expires
            if len(finished) == 1:
                first = finished[0].attempts[0].delivery
                _log.exception("webhooks: the run that begins with delivery %s cannot be recorded", first.id)
                return {}
        return {id_: since for one in finished for id_, since in (await self._record([one])).items()}

    async def _disable_dead(
        self, finished: Sequence[FinishedRun], failing: Mapping[WebhookEndpointId, timedelta]
    ) -> None:
        reasons = {
            endpoint_id: f"nothing but failures for {DISABLE_AFTER.days} days"
            for endpoint_id, since in failing.items()
            if since >= DISABLE_AFTER
        }
        gone = {run.endpoint_id for run in finished if run.attempts[-1].attempt.status_code == _GONE}
        for endpoint_id, reason in (reasons | dict.fromkeys(gone, "it answered 410 Gone")).items():
            if await self._endpoints.disable(endpoint_id, reason):
                _log.warning("webhook endpoint %s is disabled: %s", endpoint_id, reason)

    async def _refresh(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._refresh_at:
            self._active = await self._endpoints.active()
            self._refresh_at = now + _REFRESH_SECONDS

    async def _start_due(self) -> None:
        clock = asyncio.get_running_loop().time
        if self._active:
            await self._secrets.load()
        for share in self._capacity.shares(self._active, clock()):
            limit = min(share.limit, _START_MAX)
            runs = await self._deliveries.claim(share.capacity, limit, RUN_LENGTH_MAX, CLAIM_SECONDS)
            if not runs:
                continue
            found = await self._endpoints.find_active({run.endpoint_id for run in runs})
            endpoints = {one.id: one for one in [await self._decrypted(one) for one in found] if one is not None}
            for run in runs:
                if endpoint := endpoints.get(run.endpoint_id):
                    self._start(endpoint, run, clock())

    async def _decrypted(self, endpoint: WebhookEndpoint) -> WebhookEndpoint | None:
        """Return the endpoint with readable secrets; None, with a line in the log, if they cannot be decrypted."""
        try:
            return await self._secrets.decrypted(endpoint)
        except (Unavailable, DamagedText) as error:
            _log.error("webhooks: endpoint %s gets nothing, as its secret cannot be decrypted: %s", endpoint.id, error)
            return None

    def _start(self, endpoint: WebhookEndpoint, run: DeliveryRun, now: float) -> None:
        first = run.deliveries[0]
        self._capacity.start(endpoint.id, first.id, now)
        task = asyncio.create_task(self._send_run(endpoint, run, now + RUN_SECONDS), name=f"webhook {first.id}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_run(self, endpoint: WebhookEndpoint, run: DeliveryRun, until: float) -> None:
        """Send deliveries in order: the first, whose start is counted, and more while they succeed and may be sent."""
        attempts: list[FinishedAttempt] = []
        try:
            for delivery in run.deliveries:
                now = asyncio.get_running_loop().time()
                if attempts:
                    if now >= until or self._capacity.is_paused(endpoint.id, now):
                        break
                    self._capacity.start(endpoint.id, delivery.id, now)
                attempts.append(await self._attempt(endpoint, delivery))
                if not attempts[-1].attempt.succeeded:
                    break
        finally:  # also when cancelled: what was sent is recorded
            if attempts:
                self._finished.append(FinishedRun(attempts, run.claimed_until))
                self._any_finished.set()

    async def _attempt(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> FinishedAttempt:
        result = await send_delivery(self._sender, endpoint, delivery, self._clock)
        now = asyncio.get_running_loop().time()
        self._capacity.finish(endpoint.id, delivery.id, result.attempt, result.retry_after, now)
        return FinishedAttempt(delivery, result.attempt, outcome_of(delivery, result))

    async def _purge(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._purge_at and not await self._deliveries.purge(LOG_RETENTION):
            self._purge_at = now + _PURGE_SECONDS

    async def _stop(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        with suppress(Unavailable, TimeoutError):  # the claims of what is not recorded expire
            async with asyncio.timeout(_LAST_RECORD_SECONDS):
                await self._record_finished()
        await self._sender.stop()
