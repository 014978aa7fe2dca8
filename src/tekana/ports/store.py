"""Everything an adapter for a database gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tekana.domain.caller import Caller
from tekana.ports.audit import Audit
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.transactions import Transactions
from tekana.ports.unit_of_work import BeginUnit
from tekana.ports.wallets import Wallets


@runtime_checkable
class Readers(Protocol):
    """How things stand: readers, wherever they find it. `start` and `stop` begin and end the work behind them."""

    @property
    def location(self) -> str:
        """Where the data are, in words for an operator, without anything secret."""
        ...

    def customers(self, caller: Caller) -> Customers:
        """Return a reader of customers, for this caller. Cheap: one per request."""
        ...

    def wallets(self, caller: Caller) -> Wallets:
        """Return a reader of wallets and their history, for this caller. Cheap: one per request."""
        ...

    def transactions(self, caller: Caller) -> Transactions:
        """Return a reader of transactions, for this caller. Cheap: one per request."""
        ...

    def events(self, caller: Caller) -> Events:
        """Return a reader of what happened, for this caller. Cheap: one per request."""
        ...

    async def start(self) -> None:
        """Get ready to serve. The database need not be reachable yet, unless it is this store that starts it."""
        ...

    async def stop(self) -> None:
        """Let go of everything. May be called twice, or without `start`."""
        ...

    async def check_ready(self) -> Sequence[str] | None:
        """Raises Unavailable, with the reason, unless the store is reachable and its schema is the one needed.

        Gives what an operator should know though money can be moved, each in a sentence; nothing (or None) if all is
        well.
        """
        ...


@runtime_checkable
class Store(Readers, Protocol):
    """A place where customers, wallets, transactions and events are kept.

    It is built from a URL (`Store(url, clock=None)`) without touching the world; `start` and `stop` do that. One
    that can read from a replica takes `read_url` as well.
    """

    @property
    def begin(self) -> BeginUnit:
        """Begin a unit of work."""
        ...

    @property
    def audit(self) -> Audit:
        """Check every invariant."""
        ...

    async def migrate(self) -> list[str]:
        """Bring the schema to what this version needs; gives the names of the steps taken, none if it was there.

        Any number of processes may call it at once; one does the work. Raises Unavailable if unreachable.
        """
        ...
