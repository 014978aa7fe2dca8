"""The audit: checks of the invariants of a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Invariant(NamedTuple):
    """A rule that must always hold, with its fixed number and its name."""

    number: int
    name: str


class Finding(NamedTuple):
    """The result of checking one invariant.

    Attributes:
        invariant: the invariant.
        checked: the number of rows or objects that were checked.
        seconds: the duration of the check; invariants that one query checks share its duration evenly.
        breach_count: the number of breaches.
        breaches: descriptions of the first breaches, twenty at most.
    """

    invariant: Invariant
    checked: int
    seconds: float
    breach_count: int
    breaches: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether the invariant holds."""
        return self.breach_count == 0


class Audit(Protocol):
    """Checks every invariant of the ledger on one consistent view of the store, while it stays in use."""

    def __call__(self) -> AsyncIterator[Finding]:
        """Check the invariants, and yield a finding for each.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...
