"""Webhook endpoints: locked, inserted and updated with the units of work of their owners' commands.

Which events an endpoint gets is decided here, as it becomes active: `passed` has the positions of the outbox of which
it gets nothing, those of all units of work that ended before. It is a range up to the settled position (see
`tekana_postgres.events`), and single positions behind that one, as units end in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.webhook_endpoints import RELAY
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.pages import LARGEST_PLACE
from tekana_postgres.row_locks import NO_LOCK, RowLock
from tekana_postgres.webhook_endpoints import ENDPOINT_COLUMNS, endpoint_of

_LOCK = f"SELECT {', '.join(ENDPOINT_COLUMNS)} FROM webhook_endpoints WHERE id = ANY($1) ORDER BY id {{row_lock}}"
_INSERT = f"""
INSERT INTO webhook_endpoints ({", ".join(ENDPOINT_COLUMNS)}, passed)
VALUES ({", ".join(f"${number}" for number in range(1, len(ENDPOINT_COLUMNS) + 1))},
    ${len(ENDPOINT_COLUMNS) + 1}::text::int8multirange)
"""
# `status` on the right is the one before the update.
_UPDATE = f"""
UPDATE webhook_endpoints SET {", ".join(f"{name} = ${number}" for number, name in enumerate(ENDPOINT_COLUMNS[1:], 2))},
    passed = CASE WHEN status = 'disabled' AND $9 = 'active' THEN ${len(ENDPOINT_COLUMNS) + 1}::text::int8multirange
        ELSE passed END
WHERE id = $1
"""
_LOCK_RELAY = "SELECT 1 FROM relays WHERE name = $1 {row_lock}"
_ADD_RELAY = "INSERT INTO relays (name) VALUES ($1) ON CONFLICT DO NOTHING"
_STATE = """
SELECT EXISTS (SELECT FROM webhook_endpoints WHERE status = 'active') AS any_active,
    EXISTS (SELECT FROM webhook_endpoints WHERE status = 'disabled' AND id = ANY($1)) AS any_disabled
"""
_SETTLED_POSITION = "SELECT tekana_settled_position()"
# In a statement of its own, which sees all that is settled. The second bound, the largest position, is there for plans
# that are made without the values: they expect few rows between two bounds, and a third of the table after one.
_PASSED = """
SELECT (int8multirange(int8range(NULL, $1, '[]'))
    + coalesce(range_agg(int8range(position, position, '[]')), '{}'))::text
FROM outbox WHERE position > $1 AND position <= $2
"""
_LARGEST_POSITION = 2**63 - 1
_MOVE_RELAY = "UPDATE relays SET cursor = $2, epoch = epoch + 1, holder = NULL, expires_at = NULL WHERE name = $1"


class WebhookActivationRows(KindRows):
    """Implements KindRows for the one item that a unit of work locks to activate endpoints: the row of their relay.

    So endpoints become active one at a time, and each sees those before it.
    """

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[None], row_lock: RowLock) -> dict[None, None]:
        if row_lock != NO_LOCK:
            await connection.execute(_ADD_RELAY, RELAY)
        found = await connection.fetchval(_LOCK_RELAY.format(row_lock=row_lock), RELAY)
        return {} if found is None else dict.fromkeys(ids)

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Do nothing: the item is only locked."""


class WebhookEndpointRows(KindRows):
    """Implements KindRows for webhook endpoints."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[WebhookEndpointId], row_lock: RowLock
    ) -> dict[WebhookEndpointId, WebhookEndpoint]:
        rows = await connection.fetch(_LOCK.format(row_lock=row_lock), ids)
        return {row["id"]: endpoint_of(row) for row in rows}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[WebhookEndpointId, WebhookEndpoint],
        changed: Mapping[WebhookEndpointId, WebhookEndpoint],
    ) -> None:
        passed = await _activate(connection, added, changed)
        if changed:
            await connection.executemany(_UPDATE, [(*_row(one), passed) for one in changed.values()])
        if added:
            await connection.executemany(_INSERT, [(*_row(one), passed) for one in added.values()])


async def _activate(
    connection: asyncpg.Connection,
    added: Mapping[WebhookEndpointId, WebhookEndpoint],
    changed: Mapping[WebhookEndpointId, WebhookEndpoint],
) -> str:
    """Return what endpoints that become active now get nothing of; move the relay to the end of the feed if needed."""
    enabled = [one.id for one in changed.values() if one.active]
    if not added and not enabled:
        return "{}"
    state = await connection.fetchrow(_STATE, enabled)
    if not added and not state["any_disabled"]:
        return "{}"
    settled = await connection.fetchval(_SETTLED_POSITION)
    if not state["any_active"]:
        await connection.execute(_MOVE_RELAY, RELAY, f"{settled}.{LARGEST_PLACE}" if settled else None)
    passed: str = await connection.fetchval(_PASSED, settled, _LARGEST_POSITION)
    return passed


def _row(endpoint: WebhookEndpoint) -> tuple[Any, ...]:
    values = {name: getattr(endpoint, name) for name in ENDPOINT_COLUMNS}
    if endpoint.deleted:
        values |= {"status": "deleted", "disabled_reason": None}
    return tuple(values.values())
