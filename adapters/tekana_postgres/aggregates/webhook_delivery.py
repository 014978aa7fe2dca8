"""Webhook deliveries that commands queue. They are read with the locks, not locked: see `WEBHOOK_DELIVERIES`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from tekana.domain.errors import Conflict
from tekana.domain.identifiers import WebhookDeliveryId
from tekana.domain.webhooks import EndpointDelivery
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock
from tekana_postgres.webhook_deliveries import DELIVERY_COLUMNS, delivery_of, queue_deliveries
from tekana_postgres.webhook_endpoints import ENDPOINT_COLUMNS, endpoint_of

_READ = f"SELECT {', '.join(DELIVERY_COLUMNS)} FROM webhook_deliveries WHERE id = ANY($1)"
_READ_ENDPOINTS = f"SELECT {', '.join(ENDPOINT_COLUMNS)} FROM webhook_endpoints WHERE id = ANY($1)"
# The stream's row is locked before the delivery, as dispatchers do.
_REQUEST_STREAM = """
INSERT INTO webhook_lines AS l (endpoint_id, aggregate_id, next_attempt_at) VALUES ($1, $2, $3)
ON CONFLICT (endpoint_id, aggregate_id) DO UPDATE SET next_attempt_at =
    CASE WHEN l.claimed THEN l.next_attempt_at ELSE excluded.next_attempt_at END
"""
_REQUEST = "UPDATE webhook_deliveries SET status = 'pending', tries = 0, ended_at = NULL WHERE id = $1 RETURNING 1"


class WebhookDeliveryRows(KindRows):
    """Implements KindRows for webhook deliveries, with their endpoints."""

    async def lock(
        self,
        connection: asyncpg.Connection,
        ids: Sequence[WebhookDeliveryId],
        row_lock: RowLock,  # noqa: ARG002 - only read
    ) -> dict[WebhookDeliveryId, EndpointDelivery]:
        deliveries = [delivery_of(row) for row in await connection.fetch(_READ, ids)]
        owners = {one.endpoint_id for one in deliveries}
        endpoints = {row["id"]: endpoint_of(row) for row in await connection.fetch(_READ_ENDPOINTS, list(owners))}
        return {one.id: EndpointDelivery(one, endpoints[one.endpoint_id]) for one in deliveries}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[WebhookDeliveryId, EndpointDelivery],
        changed: Mapping[WebhookDeliveryId, EndpointDelivery],
    ) -> None:
        """Queue the new deliveries; have the changed ones sent again. Raises Conflict if one was removed meanwhile."""
        by_stream = sorted(changed.values(), key=lambda one: (one.delivery.endpoint_id, one.delivery.aggregate_id))
        for delivery, _, due_at in by_stream:
            await connection.execute(_REQUEST_STREAM, delivery.endpoint_id, delivery.aggregate_id, due_at)
            if await connection.fetchval(_REQUEST, delivery.id) is None:
                raise Conflict("the delivery is not kept any more")
        if added:
            deliveries = [one.delivery for one in added.values()]
            # They were decided for active endpoints, which later commands of the same unit of work may have disabled.
            created_at = deliveries[0].created_at
            await queue_deliveries(connection, deliveries, created_at, statuses=("active", "disabled"))
