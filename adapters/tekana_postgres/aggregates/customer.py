"""The rows of customers, whose wallets are locked with them. Their personal data are rows of `customer_details`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.customer import Customer
from tekana.domain.identifiers import CustomerId, WalletId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.customer_data import DetailsRow, customer_keys, details_row, whole_customer
from tekana_postgres.row_locks import RowLock
from tekana_postgres.rows import CUSTOMER_COLUMNS, customer_row
from tekana_postgres.sign_in import end_families

_LOCK = f"SELECT {', '.join(CUSTOMER_COLUMNS)} FROM customers WHERE id = ANY($1) ORDER BY id {{row_lock}}"
# In a statement of its own, which sees what was saved by those that the locks waited for.
_DETAILS = "SELECT id, key, details FROM customer_details WHERE id = ANY($1)"
# No wallet can be opened for a locked customer, so the list stays valid until the unit ends.
_WALLETS_OF = "SELECT id FROM wallets WHERE customer_id = ANY($1)"
_UPDATE = f"""
UPDATE customers SET {", ".join(f"{name} = ${number}" for number, name in enumerate(CUSTOMER_COLUMNS[1:], 2))}
WHERE id = $1
"""
_DETAILS_COLUMNS = DetailsRow._fields
# Not the key, which stays the same, and may be encrypted with another data key meanwhile.
_UPDATED_COLUMNS = tuple(name for name in _DETAILS_COLUMNS if name != "key")
_updated_values = attrgetter(*_UPDATED_COLUMNS)
_UPDATE_DETAILS = f"""
UPDATE customer_details SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_UPDATED_COLUMNS[1:], 2))}
WHERE id = $1
"""


# Without the key, the answers with the customer's data cannot be read either.
_ERASE_DETAILS = """
UPDATE customer_details SET key = NULL, details = NULL, index_key_id = NULL, email_index = NULL,
    phone_number_index = NULL, external_id_index = NULL, version = $2
WHERE id = $1
"""


_ERASE_SIGN_IN = tuple(
    f"DELETE FROM {table} WHERE customer_id = ANY($1)"
    for table in ("credentials", "refresh_families", "one_time_codes", "identities")
)


class CustomerRows(KindRows):
    """Implements KindRows for customers."""

    def __init__(self, vault: CustomerVault) -> None:
        self._vault = vault

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[CustomerId], row_lock: RowLock
    ) -> dict[CustomerId, Customer]:
        rows = await connection.fetch(_LOCK.format(row_lock=row_lock), ids)
        details = {row["id"]: row for row in await connection.fetch(_DETAILS, ids)} if rows else {}
        nothing = {"key": None, "details": None}
        return {
            row["id"]: await whole_customer(self._vault, {**row, **details.get(row["id"], nothing)}) for row in rows
        }

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
            await self._save_details(connection, changed)
            inactive = [customer.id for customer in changed.values() if not customer.active]
            if inactive:
                await end_families(connection, inactive)
        if added:
            rows = [customer_row(customer) for customer in added.values()]
            await connection.copy_records_to_table("customers", records=rows, columns=CUSTOMER_COLUMNS)
            # Everywhere the same order, so that two units with the same contacts never deadlock.
            details = sorted([await details_row(self._vault, one) for one in added.values()], key=_email_index)
            await connection.copy_records_to_table("customer_details", records=details, columns=_DETAILS_COLUMNS)

    async def _save_details(self, connection: asyncpg.Connection, changed: Mapping[CustomerId, Customer]) -> None:
        """Encrypt the details of changed customers anew, and destroy the keys of those who are erased."""
        erased = [(one.id, one.version) for one in changed.values() if one.erased_at is not None]
        kept = [one for one in changed.values() if one.erased_at is None]
        keys = await customer_keys(connection, [one.id for one in kept]) if kept else {}
        details = [await details_row(self._vault, one, keys[one.id]) for one in kept if one.id in keys]
        await connection.executemany(_UPDATE_DETAILS, list(map(_updated_values, details)))
        if erased:
            await connection.executemany(_ERASE_DETAILS, erased)
            for statement in _ERASE_SIGN_IN:
                await connection.execute(statement, [customer_id for customer_id, _ in erased])


_email_index = attrgetter("email_index")
