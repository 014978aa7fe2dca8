"""The holds whose time is over."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.domain.holds import HOLDS
from tekana.ports.clock import Clock
from tekana.ports.due_holds import DueHold
from tekana_memory.state import MemoryState


class MemoryDueHolds:
    """Implements tekana.ports.due_holds.DueHolds."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def count(self) -> int:
        return len(self._all())

    async def list(self, limit: int, after: DueHold | None = None) -> Sequence[DueHold]:
        return [one for one in self._all() if after is None or one > after][:limit]

    def _all(self) -> Sequence[DueHold]:
        now = self._clock()
        holds = self._state.items[HOLDS.name].values()
        return sorted(DueHold(one.state.expires_at, one.id) for one in holds if one.state.is_due(now))
