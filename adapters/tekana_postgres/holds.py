"""Holds, as they are read: their states, and those whose time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from tekana.domain.hold_state import HoldState
from tekana.domain.holds import Hold
from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Transaction
from tekana.ports.clock import Clock
from tekana.ports.due_holds import DueHold
from tekana_postgres.connections import ConnectionPool, raw_connection

HOLD_COLUMNS: Final = ("amount", "captured", "status", "expires_at", "reason", "sequence")
"""The columns of `holds` but the id, in the order of the fields of a HoldState."""

_STATES = f"SELECT id, {', '.join(HOLD_COLUMNS)} FROM holds WHERE id = ANY($1)"
# The time is a parameter; NULL means the database's.
_DUE = "FROM holds WHERE status = 'pending' AND expires_at <= coalesce($1, clock_timestamp())"
_COUNT = f"SELECT count(*) {_DUE}"
_LIST = f"SELECT expires_at, id {_DUE} ORDER BY expires_at, id LIMIT $2"
_LIST_AFTER = f"SELECT expires_at, id {_DUE} AND (expires_at, id) > ($3, $4) ORDER BY expires_at, id LIMIT $2"


def state_of(row: Mapping[str, Any], prefix: str = "") -> HoldState:
    """Read the state of a hold from columns whose names begin with this."""
    amount, captured, status, expires_at, reason, sequence = (row[prefix + name] for name in HOLD_COLUMNS)
    return HoldState(
        amount_minor=amount,
        captured_minor=captured,
        status=status,
        expires_at=expires_at,
        reason=reason,
        sequence=sequence,
    )


async def shown_transactions(
    connection: asyncpg.Connection, transactions: Mapping[TransactionId, Transaction]
) -> dict[TransactionId, Transaction]:
    """Return the transactions, holds in the state that they are in now."""
    holds = [one.id for one in transactions.values() if one.hold is not None]
    if not holds:
        return dict(transactions)
    states = {row["id"]: state_of(row) for row in await connection.fetch(_STATES, holds)}
    shown = {one: Hold(transaction=transactions[one], state=state).shown() for one, state in states.items()}
    return {**transactions, **shown}


class PostgresDueHolds:
    """Implements tekana.ports.due_holds.DueHolds. Not from a replica, which may lag behind."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._clock = clock

    async def count(self) -> int:
        async with raw_connection(self._pool) as connection:
            count: int = await connection.fetchval(_COUNT, self._clock and self._clock())
            return count

    async def list(self, limit: int, after: DueHold | None = None) -> Sequence[DueHold]:
        statement, more = (_LIST, ()) if after is None else (_LIST_AFTER, tuple(after))
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(statement, self._clock and self._clock(), limit, *more)
        return [DueHold(*row) for row in rows]
