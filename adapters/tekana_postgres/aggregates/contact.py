"""The customers of contacts: read with the locks, not locked, as unique indexes decide races."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from tekana.domain.customer import Contact
from tekana.domain.identifiers import CustomerId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock

_OWNERS = {
    "email": "SELECT email, id FROM customers WHERE email = ANY($1) AND status <> 'closed'",
    "phone_number": "SELECT phone_number, id FROM customers WHERE phone_number = ANY($1) AND status <> 'closed'",
    "external_id": "SELECT external_id, id FROM customers WHERE external_id = ANY($1) AND status <> 'closed'",
}


class ContactRows(KindRows):
    """Implements KindRows for contacts, which are columns of `customers`."""

    async def lock(
        self,
        connection: asyncpg.Connection,
        ids: Sequence[Contact],
        row_lock: RowLock,  # noqa: ARG002 - contacts are not locked
    ) -> dict[Contact, CustomerId]:
        values: dict[Any, list[str]] = {}
        for contact in ids:
            values.setdefault(contact.field, []).append(contact.value)
        return {
            Contact(field, value): customer_id
            for field, wanted in values.items()
            for value, customer_id in await connection.fetch(_OWNERS[field], wanted)
        }

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Do nothing: contacts are saved with their customers."""
