"""What the unit of work needs of the rows of each kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import asyncpg

from tekana.domain.identifiers import WalletId
from tekana_postgres.row_locks import RowLock


class KindRows(Protocol):
    """The rows of one kind. Every method runs inside the transaction of a unit of work."""

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[Any], row_lock: RowLock) -> dict[Any, Any]:
        """Lock the rows with these ids, in order of ids, and return their items, by id."""
        ...

    async def wallets_of(
        self,
        connection: asyncpg.Connection,  # noqa: ARG002 - for kinds with wallets
        items: Mapping[Any, Any],  # noqa: ARG002 - for kinds with wallets
    ) -> Collection[WalletId]:
        """Return the wallets to lock with the items, where the kind's own `wallets_of` does not: none by default."""
        return ()

    async def save(self, connection: asyncpg.Connection, added: Mapping[Any, Any], changed: Mapping[Any, Any]) -> None:
        """Update the changed items, then insert the new ones: a change may release a contact that a new item has."""
        ...
