"""The rows of customers, whose wallets are locked with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

import asyncpg

from tekana.domain.customer import Customer
from tekana.domain.identifiers import CustomerId, WalletId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock
from tekana_postgres.rows import CUSTOMER_COLUMNS, customer_of, customer_row
from tekana_postgres.sign_in import end_families

_LOCK = f"SELECT {', '.join(CUSTOMER_COLUMNS)} FROM customers WHERE id = ANY($1) ORDER BY id {{row_lock}}"
# No wallet can be opened for a locked customer, so the list stays valid until the unit ends.
_WALLETS_OF = "SELECT id FROM wallets WHERE customer_id = ANY($1)"
_UPDATE = f"""
UPDATE customers SET {", ".join(f"{name} = ${number}" for number, name in enumerate(CUSTOMER_COLUMNS[1:], 2))}
WHERE id = $1
"""


class CustomerRows(KindRows):
    """Implements KindRows for customers."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[CustomerId], row_lock: RowLock
    ) -> dict[CustomerId, Customer]:
        rows = await connection.fetch(_LOCK.format(row_lock=row_lock), ids)
        return {row["id"]: customer_of(row) for row in rows}

    async def wallets_of(
        self, connection: asyncpg.Connection, items: Mapping[CustomerId, Customer]
    ) -> Collection[WalletId]:
        return [row["id"] for row in await connection.fetch(_WALLETS_OF, list(items))]

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[CustomerId, Customer],
        changed: Mapping[CustomerId, Customer],
    ) -> None:
        if changed:
            await connection.executemany(_UPDATE, [customer_row(customer) for customer in changed.values()])
            inactive = [customer.id for customer in changed.values() if not customer.active]
            if inactive:
                await end_families(connection, inactive)
        if added:
            rows = [customer_row(customer) for customer in sorted(added.values(), key=attrgetter("email"))]
            await connection.copy_records_to_table("customers", records=rows, columns=CUSTOMER_COLUMNS)
