"""The store: the port of a database adapter."""

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
    """The readers of the ledger. `start` and `stop` open and release the resources behind them."""

    @property
    def location(self) -> str:
        """The address of the data, for an operator, without secrets."""
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
        """Return a reader of events, for this caller. Cheap: one per request."""
        ...

    async def start(self) -> None:
        """Prepare to serve. The database need not be reachable yet, unless this store starts it."""
        ...

    async def stop(self) -> None:
        """Release all resources. May be called twice, or without `start`."""
        ...

    async def check_ready(self) -> Sequence[str] | None:
        """Check that the store is reachable and its schema is the required one.

        Returns:
            Warnings for an operator that do not prevent commands, one sentence each; empty or None without any.

        Raises:
            Unavailable: the store cannot serve; the message gives the reason.
        """
        ...


@runtime_checkable
class Store(Readers, Protocol):
    """A database of customers, wallets, transactions and events.

    Built from a URL (`Store(url, clock=None)`) without I/O; `start` and `stop` do the I/O. A store that can read from a
    replica also takes `read_url`.
    """

    @property
    def begin(self) -> BeginUnit:
        """The factory of units of work."""
        ...

    @property
    def audit(self) -> Audit:
        """The check of all invariants."""
        ...

    async def migrate(self) -> list[str]:
        """Migrate the schema to the version of this code. Any number of processes may call it at once.

        Returns:
            The names of the migrations that ran; empty if the schema was up to date.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...
