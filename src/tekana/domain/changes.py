"""The aggregates that a unit of work added or changed, which a store saves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tekana.domain.lock_set import IdT, ItemT, LockKind


@dataclass(slots=True)
class Changes:
    """The aggregates that a unit of work added or changed, by kind's name, then by id."""

    added: dict[str, dict[Any, Any]] = field(default_factory=dict)
    changed: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.added.values()) or any(self.changed.values())

    def added_of(self, kind: LockKind[IdT, ItemT]) -> dict[IdT, ItemT]:
        """Return the new items of a kind."""
        return self.added.setdefault(kind.name, {})

    def changed_of(self, kind: LockKind[IdT, ItemT]) -> dict[IdT, ItemT]:
        """Return the changed items of a kind."""
        return self.changed.setdefault(kind.name, {})
