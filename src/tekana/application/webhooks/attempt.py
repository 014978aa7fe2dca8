"""One attempt at a delivery: the signed request, and the outcome of its response."""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from time import monotonic
from typing import Final, NamedTuple

from tekana.application.webhooks.capacity import RETRY_AFTER_MAX
from tekana.application.webhooks.signature import signature_headers
from tekana.domain.webhooks import DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from tekana.ports.clock import Clock
from tekana.ports.webhook_deliveries import DeliveryOutcome
from tekana.ports.webhook_sender import Undeliverable, WebhookSender

_log = logging.getLogger("tekana.webhooks")

RETRY_DELAYS: Final = (
    *(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 8, 14, 20, 22)),
)
"""How long after each failed attempt the next one is due, give or take a tenth. About three days in all."""

REQUEST_TIMEOUT_SECONDS: Final = 10.0
"""How long a receiver has to respond."""

_ANSWER_MAX_BYTES: Final = 1024
_BUSY: Final = (429, 503)


class AttemptResult(NamedTuple):
    """An attempt, and how long the receiver asks to wait before the next request."""

    attempt: DeliveryAttempt
    retry_after: timedelta | None = None


async def send_delivery(
    sender: WebhookSender, endpoint: WebhookEndpoint, delivery: WebhookDelivery, clock: Clock
) -> AttemptResult:
    """Sign and send a delivery. A failure of any kind is a failed attempt, never an exception."""
    body, at, began = delivery.body.encode(), clock(), monotonic()
    headers = {
        "content-type": "application/json",
        "user-agent": "tekana-webhooks/1",
        **signature_headers(delivery.event_id, at, body, endpoint.secrets(at)),
    }
    error: str | None = None
    try:
        response = await sender.send(endpoint.url, headers, body, timeout_seconds=REQUEST_TIMEOUT_SECONDS)
        status = response.status_code
        answer = response.body[:_ANSWER_MAX_BYTES].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        waits = response.retry_after if status in _BUSY else None
        return AttemptResult(DeliveryAttempt(at, _milliseconds_since(began), status, answer), waits)
    except TimeoutError:
        error = f"no answer within {REQUEST_TIMEOUT_SECONDS:g} seconds"
    except Undeliverable as failure:
        error = str(failure)
    except Exception:  # unforeseen: one delivery must not stop the others
        _log.exception("webhooks: delivery %s could not be sent", delivery.id)
        error = "the request could not be sent"
    return AttemptResult(DeliveryAttempt(at, _milliseconds_since(began), None, None, error))


def outcome_of(delivery: WebhookDelivery, result: AttemptResult) -> DeliveryOutcome:
    """Return what an attempt leads to: the end of the delivery, or the time until the next attempt."""
    if result.attempt.succeeded:
        return "delivered"
    if delivery.tries >= len(RETRY_DELAYS):
        return "failed"
    delay = RETRY_DELAYS[delivery.tries] * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
    asked = min(result.retry_after or timedelta(0), RETRY_AFTER_MAX)
    return max(delay, asked * random.uniform(1.0, 1.1))  # noqa: S311 - later than asked, never earlier


def _milliseconds_since(began: float) -> int:
    return round(1000 * (monotonic() - began))
