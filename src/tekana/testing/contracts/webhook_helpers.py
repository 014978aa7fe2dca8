"""What the suites for webhooks share: endpoints, deliveries, and attempts at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from uuid_utils.compat import uuid7

from tekana.application import Command, CreateWebhookEndpoint, ResendWebhookDelivery, UpdateWebhookEndpoint
from tekana.application.commands.command import AnswerT
from tekana.application.executed import refusal_of
from tekana.domain.answer_reference import AnswerReference
from tekana.domain.caller import Caller
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import DeliveryAttempt, NewWebhookDelivery, WebhookDelivery, WebhookEndpoint
from tekana.ports.webhook_deliveries import (
    DeliveryOutcome,
    DeliveryRun,
    FinishedAttempt,
    FinishedRun,
    WebhookDeliveries,
)
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana.testing.contracts.helpers import by_hand

ME, OTHER = builders.partner(subject="me"), builders.partner("another tenant")
URL = "https://example.com/hooks"
LONG = 60.0
HOUR = timedelta(hours=1)


async def claim_one_of_each(
    queue: WebhookDeliveries, capacity: Mapping[WebhookEndpointId, int], limit: int
) -> Sequence[DeliveryRun]:
    """Claim streams for a minute, and only the first delivery of each."""
    return await queue.claim(capacity, limit, 1, LONG)


def first(run: DeliveryRun) -> WebhookDelivery:
    """Return the first delivery of a run."""
    return run.deliveries[0]


async def recorded(queue: WebhookDeliveries, run: DeliveryRun, *outcomes: DeliveryOutcome) -> timedelta:
    """Record attempts with these outcomes at the first deliveries of a run.

    Returns:
        The time since the first failure after the endpoint's last success.
    """
    failing = await queue.record([finished_with(run, *outcomes)])
    return failing.get(run.endpoint_id, timedelta(0))


def finished_with(run: DeliveryRun, *outcomes: DeliveryOutcome) -> FinishedRun:
    """Return a run whose first deliveries were attempted with these outcomes."""
    return finished(run, *map(finished_attempt, run.deliveries, outcomes))


def finished(run: DeliveryRun, *attempts: FinishedAttempt) -> FinishedRun:
    """Return a run with these attempts."""
    return FinishedRun(attempts, run.claimed_until)


def finished_attempt(delivery: WebhookDelivery, outcome: DeliveryOutcome) -> FinishedAttempt:
    """Return an attempt with this outcome."""
    attempt = success(delivery) if outcome == "delivered" else failure(delivery)
    return FinishedAttempt(delivery, attempt, outcome)


async def execute(
    store: WebhookStore, command: Command[AnswerT], *, caller: Caller = ME, key: str | None = None
) -> AnswerT:
    """Decide a command in a unit of work of its own. Raises Refused."""
    answer, _ = await by_hand(store, command, key, caller)
    if isinstance(answer, AnswerReference):
        raise answer.not_found()
    error = refusal_of(answer)
    if error is not None:
        raise error
    return cast("AnswerT", answer)


async def create(
    store: WebhookStore,
    *,
    caller: Caller = ME,
    event_types: tuple[str, ...] | None = None,
    description: str | None = None,
    key: str | None = None,
) -> WebhookEndpoint:
    """Create an endpoint."""
    command = CreateWebhookEndpoint(url=URL, description=description, event_types=event_types)
    return await execute(store, command, caller=caller, key=key)


async def change(
    store: WebhookStore, endpoint: WebhookEndpoint, *, caller: Caller = ME, **changes: Any
) -> WebhookEndpoint:
    """Change an endpoint. Return it as the store has it then."""
    await execute(store, UpdateWebhookEndpoint(endpoint_id=endpoint.id, **changes), caller=caller)
    return await store.webhook_endpoints.get(caller, endpoint.id)


async def resend(store: WebhookStore, delivery_id: WebhookDeliveryId, *, caller: Caller = ME) -> WebhookDelivery:
    """Have a delivery sent again. Return it as the store has it then."""
    answer = await execute(store, ResendWebhookDelivery(delivery_id=delivery_id), caller=caller)
    kept = await store.webhook_deliveries.get(caller, delivery_id)
    assert answer == kept
    return kept


def new_delivery(endpoint: WebhookEndpoint, stream: UUID, sequence: int) -> NewWebhookDelivery:
    """Return a delivery to queue."""
    event_id = f"{stream}:{sequence}"
    return NewWebhookDelivery(
        id=WebhookDeliveryId(uuid7()),
        endpoint_id=endpoint.id,
        aggregate_id=stream,
        sequence=sequence,
        event_id=event_id,
        event_type="WalletOpened",
        body=f'{{"id":"{event_id}"}}',
    )


def new_stream(endpoint: WebhookEndpoint, stream: UUID, length: int) -> list[NewWebhookDelivery]:
    """Return the first deliveries of a stream."""
    return [new_delivery(endpoint, stream, sequence) for sequence in range(1, length + 1)]


def success(delivery: WebhookDelivery) -> DeliveryAttempt:
    """Return an attempt that succeeded."""
    return DeliveryAttempt(delivery.created_at, 12, 200, answer="thanks")


def failure(delivery: WebhookDelivery) -> DeliveryAttempt:
    """Return an attempt that failed."""
    return DeliveryAttempt(delivery.created_at, 12, 500, answer="sorry")
