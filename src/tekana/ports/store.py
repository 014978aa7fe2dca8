"""The store: the port of a database adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from tekana.ports.audit import Audit
from tekana.ports.audit_log import AuditRecords
from tekana.ports.credentials import Credentials
from tekana.ports.due_holds import DueHolds
from tekana.ports.journal import Journal
from tekana.ports.readers import Readers
from tekana.ports.unit_of_work import BeginUnit


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

    @property
    def journal(self) -> Journal:
        """The reader of the journal."""
        ...

    @property
    def credentials(self) -> Credentials:
        """The stored credentials."""
        ...

    @property
    def due_holds(self) -> DueHolds:
        """The holds whose time is over."""
        ...

    @property
    def audit_records(self) -> AuditRecords:
        """What adds entries to the audit log outside units of work."""
        ...

    async def migrate(self) -> list[str]:
        """Migrate the schema to the version of this code. Any number of processes may call it at once.

        Returns:
            The names of the migrations that ran; empty if the schema was up to date.

        Raises:
            Unavailable: the store cannot be reached.
            KeyUnavailable: the store encrypts what an earlier version wrote, and its keys cannot be reached. Call it
                again.
        """
        ...


@runtime_checkable
class DecryptsCustomers(Store, Protocol):
    """A store that encrypts customers' personal data, and has a version that did not. Optional."""

    async def decrypt_customers(self) -> None:
        """Store customers' personal data readable, as that version needs them: before a downgrade.

        No process may use the store meanwhile. If it is interrupted, call it again. `migrate` encrypts them again.

        Raises:
            KeyUnavailable: the keys cannot be reached.
        """
        ...


@runtime_checkable
class RotatesCustomerKeys(Store, Protocol):
    """A store that encrypts customers' keys with a data key, which can be rotated. Optional."""

    async def rotate_customer_keys(self, report: Callable[[str], None]) -> int:
        """Rotate the data key that encrypts customers' keys, while processes go on. If interrupted, call it again.

        Args:
            report: is given lines about the progress.

        Returns:
            How many customers' keys were encrypted with the new data key.

        Raises:
            Unavailable: the key provider or the database cannot be reached. Call it again.
        """
        ...
