"""Checks that the ledger of a store is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Invariant(NamedTuple):
    """A rule that must never be broken, by its fixed number and its name."""

    number: int
    name: str


class Finding(NamedTuple):
    """The result of checking one invariant.

    invariant: the invariant.
    checked: how many rows or objects were checked.
    seconds: how long it took; invariants that one query checks share its time evenly.
    breach_count: how many breaches there are.
    breaches: the first breaches in words, twenty at most.
    """

    invariant: Invariant
    checked: int
    seconds: float
    breach_count: int
    breaches: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the invariant holds."""
        return self.breach_count == 0


class Audit(Protocol):
    """Checks every invariant of the ledger on one consistent view of the store, while it stays in use."""

    def __call__(self) -> AsyncIterator[Finding]:
        """Return a finding for each invariant, as it is checked.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...
