"""The audit log: the reader, and the records of what happens outside units of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from tekana.domain.audit_log import AuditEntry, AuditOutcome
from tekana.ports.page import Page, PageRequest


class AuditFilter(NamedTuple):
    """Selects the entries that match all given fields; None matches any value.

    Attributes:
        start: the earliest time, included.
        end: the latest time, excluded.
    """

    subject: str | None = None
    action: str | None = None
    outcome: AuditOutcome | None = None
    resource_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None

    def matches(self, entry: AuditEntry) -> bool:
        """Return whether the entry is selected."""
        return (
            self.subject in (None, entry.subject)
            and self.action in (None, entry.action)
            and self.outcome in (None, entry.outcome)
            and self.resource_id in (None, entry.resource_id)
            and (self.start is None or self.start <= entry.at)
            and (self.end is None or entry.at < self.end)
        )


ALL_ENTRIES: Final = AuditFilter()
"""Selects all entries."""


class AuditLog(Protocol):
    """The entries that a caller has access to: those of their tenant, or of all tenants; customers have none."""

    async def list(
        self, page: PageRequest, which: AuditFilter = ALL_ENTRIES, newest_first: bool = False
    ) -> Page[AuditEntry]:
        """List entries by id, which is about the order of their times.

        An entry that is just being written may appear before entries that were read already.

        Raises:
            InvalidRequest: the cursor is not one of this list.
            Unavailable: the store cannot be reached.
        """
        ...


class AuditRecords(Protocol):
    """Adds entries that belong to no unit of work. Entries of units of work are saved with them."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Save entries in one commit, with the time by the store's clock instead of their own.

        An entry with the same id that is stored already stays as it is, so that a lost answer can be retried.

        Raises:
            Unavailable: the store cannot be reached, or the key of links, of a store whose history is linked.
        """
        ...
