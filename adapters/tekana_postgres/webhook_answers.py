"""What references to webhooks stand for, as they are kept under idempotency keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import asyncpg

from tekana.domain.webhook_answers import (
    ChangedWebhook,
    ConfiguredWebhook,
    QueuedWebhook,
    endpoint_answer,
)
from tekana.ports.unit_of_work import IdempotencyRecord
from tekana_postgres.aggregates.webhook_delivery import WebhookDeliveryRows
from tekana_postgres.aggregates.webhook_endpoint import WebhookEndpointRows
from tekana_postgres.row_locks import NO_LOCK

_KeyT = TypeVar("_KeyT")


async def with_webhooks(
    connection: asyncpg.Connection, records: Mapping[_KeyT, IdempotencyRecord]
) -> Mapping[_KeyT, IdempotencyRecord]:
    """Return the records with the endpoints and deliveries, as they are now, that references stand for."""
    answers = [record.answer for record in records.values()]
    endpoint_ids = [one.endpoint_id for one in answers if isinstance(one, ConfiguredWebhook | ChangedWebhook)]
    delivery_ids = [one.delivery_id for one in answers if isinstance(one, QueuedWebhook)]
    if not endpoint_ids and not delivery_ids:
        return records
    endpoints = await WebhookEndpointRows().lock(connection, endpoint_ids, NO_LOCK)
    deliveries = await WebhookDeliveryRows().lock(connection, delivery_ids, NO_LOCK)
    found: dict[_KeyT, IdempotencyRecord] = {}
    for key, record in records.items():
        match record.answer:
            case ConfiguredWebhook() | ChangedWebhook() as reference:
                answer = endpoint_answer(reference, endpoints.get(reference.endpoint_id))
                found[key] = record._replace(answer=answer)
            case QueuedWebhook() as reference:
                known = deliveries.get(reference.delivery_id)
                found[key] = record
                if known is not None and not known.endpoint.deleted:
                    found[key] = record._replace(answer=known.delivery)
            case _:
                found[key] = record
    return found
