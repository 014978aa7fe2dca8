"""The customers of contacts: read with the locks, not locked, as unique indexes decide races."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.customer import Contact
from tekana.domain.identifiers import CustomerId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.customer_data import INDEX_COLUMNS, indexes_of
from tekana_postgres.row_locks import RowLock

_OWNERS_OF = "SELECT {column}, tenant, id FROM customer_details WHERE {column} = ANY($1) AND NOT closed"
_OWNERS = {field: _OWNERS_OF.format(column=column) for field, column in INDEX_COLUMNS.items()}


class ContactRows(KindRows):
    """Implements KindRows for contacts, which are columns of `customer_details`."""

    def __init__(self, vault: CustomerVault) -> None:
        self._vault = vault

    async def lock(
        self,
        connection: asyncpg.Connection,
        ids: Sequence[Contact],
        row_lock: RowLock,  # noqa: ARG002 - contacts are not locked
    ) -> dict[Contact, dict[str, CustomerId]]:
        owners: dict[Contact, dict[str, CustomerId]] = {}
        for field, query in _OWNERS.items():
            wanted = await indexes_of(self._vault, [one for one in ids if one.field == field])
            for index, tenant, customer_id in await connection.fetch(query, list(wanted)) if wanted else ():
                owners.setdefault(wanted[index], {})[tenant] = customer_id
        return owners

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Do nothing: contacts are saved with their customers."""
