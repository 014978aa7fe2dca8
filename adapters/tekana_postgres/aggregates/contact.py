"""The customers of contacts: read with the locks, not locked, as unique indexes decide races."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from tekana.domain.customer import Contact
from tekana.domain.identifiers import CustomerId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock

_OWNERS_OF = "SELECT {field}, tenant, id FROM customers WHERE {field} = ANY($1) AND status <> 'closed'"
_OWNERS = {field: _OWNERS_OF.format(field=field) for field in ("email", "phone_number", "external_id")}


class ContactRows(KindRows):
    """Implements KindRows for contacts, which are columns of `customers`."""

    async def lock(
        self,
        connection: asyncpg.Connection,
        ids: Sequence[Contact],
        row_lock: RowLock,  # noqa: ARG002 - contacts are not locked
    ) -> dict[Contact, dict[str, CustomerId]]:
        values: dict[Any, list[str]] = {}
        for contact in ids:
            values.setdefault(contact.field, []).append(contact.value)
        owners: dict[Contact, dict[str, CustomerId]] = {}
        for field, wanted in values.items():
            for value, tenant, customer_id in await connection.fetch(_OWNERS[field], wanted):
                owners.setdefault(Contact(field, value), {})[tenant] = customer_id
        return owners

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Do nothing: contacts are saved with their customers."""
