"""Holds: their states, beside their transactions."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import json

from tekana import Hold, Transaction, TransactionId
from tekana.domain.hold_state import HoldState
from tekana.ports.clock import Clock
from tekana.ports.due_holds import DueHold

from .database import Database
from .transactions import transaction_of

_HOLDS = "SELECT body, state FROM holds JOIN transactions USING (id)"


def find_hold(database: Database, hold_id: TransactionId) -> Hold | None:
    """Return a hold; None if there is none."""
    found = database.rows(f"{_HOLDS} WHERE id = ?", hold_id)
    return next((_hold_of(*row) for row in found), None)


def all_holds(database: Database, status: str | None = None) -> list[Hold]:
    """Return the holds in a status; None for any."""
    return [_hold_of(*row) for row in database.rows(f"{_HOLDS} WHERE holds.status = ?1 OR ?1 IS NULL", status)]


def shown(database: Database, transaction: Transaction) -> Transaction:
    """Return a transaction; a hold in its present state."""
    hold = None if transaction.hold is None else find_hold(database, transaction.id)
    return transaction if hold is None else hold.shown()


def save_hold(database: Database, hold: Hold) -> None:
    """Save the state of a hold."""
    statement = "INSERT INTO holds (id, state) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state"
    database.rows(statement, hold.id, json.encode(hold.state).decode())


def _hold_of(body: str, state: str) -> Hold:
    return Hold(transaction=transaction_of(body), state=json.decode(state, type=HoldState))


class SqliteDueHolds:
    """Implements tekana.ports.due_holds.DueHolds. There are few open holds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self) -> int:
        return len(self._read())

    async def list(self, limit: int, after: DueHold | None = None) -> Sequence[DueHold]:
        return [one for one in self._read() if after is None or one > after][:limit]

    def _read(self) -> Sequence[DueHold]:
        now = self._clock()
        pending = all_holds(self._database, "pending")
        return sorted(DueHold(one.state.expires_at, one.id) for one in pending if one.state.is_due(now))
