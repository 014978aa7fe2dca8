"""How a store shows that the ledger is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Invariant(NamedTuple):
    """Something that must never break. `number` groups the checks of one rule."""

    number: int
    name: str


class Finding(NamedTuple):
    """What the check of one invariant found: how many things it looked at, in how many seconds, and every breach seen.

    Invariants that are checked in one go share its time evenly. At most the first twenty breaches are described;
    `breach_count` counts them all.
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
        """One finding for each invariant, as it is checked. Raises Unavailable if the store cannot be reached."""
        ...
