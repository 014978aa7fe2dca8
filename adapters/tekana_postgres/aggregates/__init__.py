"""The row mappings of aggregates: how to lock, insert and update. A new kind needs a file, and an entry in KINDS.

The unit of work locks kind by kind in the order of KINDS, and wallets last: always the same order, so that units never
deadlock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import asyncpg

from tekana.domain.customer import CONTACTS, CUSTOMERS
from tekana.domain.identifiers import WalletId
from tekana.domain.webhooks import WEBHOOK_ACTIVATIONS, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from tekana_postgres.aggregates.contact import ContactRows
from tekana_postgres.aggregates.customer import CustomerRows
from tekana_postgres.aggregates.webhook_delivery import WebhookDeliveryRows
from tekana_postgres.aggregates.webhook_endpoint import WebhookActivationRows, WebhookEndpointRows
from tekana_postgres.row_locks import RowLock


class KindRows(Protocol):
    """The rows of one kind. Every method runs inside the transaction of a unit of work."""

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[Any], row_lock: RowLock) -> dict[Any, Any]:
        """Lock the rows with these ids, in order of ids, and return their items, by id."""
        ...

    async def wallets_of(self, connection: asyncpg.Connection, items: Mapping[Any, Any]) -> Collection[WalletId]:
        """Return the wallets to lock with the items."""
        ...

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Update the changed items, then insert the new ones: a change may release a contact that a new item has."""
        ...


KINDS: Final[dict[str, KindRows]] = {
    CUSTOMERS.name: CustomerRows(),
    CONTACTS.name: ContactRows(),
    WEBHOOK_ACTIVATIONS.name: WebhookActivationRows(),
    WEBHOOK_ENDPOINTS.name: WebhookEndpointRows(),
    WEBHOOK_DELIVERIES.name: WebhookDeliveryRows(),
}
"""The rows of every kind but wallets, by the kind's name."""
