"""How each kind of aggregate is locked, inserted and updated. To add one, add its file, and its row mapping to KINDS.

The unit of work locks kind by kind in the order of KINDS, and wallets last: everywhere the same, so that no two units
wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import asyncpg

from tekana.domain.customer import CONTACTS, CUSTOMERS
from tekana.domain.identifiers import WalletId
from tekana_postgres.aggregates.contact import ContactRows
from tekana_postgres.aggregates.customer import CustomerRows
from tekana_postgres.row_locks import RowLock


class KindRows(Protocol):
    """The rows of one kind. Every method runs inside the transaction of a unit of work."""

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[Any], row_lock: RowLock) -> dict[Any, Any]:
        """Lock the rows with these ids, in the order of ids, and return what they hold, by id."""
        ...

    async def wallets_of(self, connection: asyncpg.Connection, items: Mapping[Any, Any]) -> Collection[WalletId]:
        """Return the wallets that locked items bring along."""
        ...

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Update the changed items, then insert the new ones: a change may free what a new one takes."""
        ...


KINDS: Final[dict[str, KindRows]] = {CUSTOMERS.name: CustomerRows(), CONTACTS.name: ContactRows()}
"""The rows of every kind but wallets, by the kind's name."""
