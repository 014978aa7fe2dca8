"""Data keys, wrapped. No method awaits, so each is atomic."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.ports.clock import Clock
from tekana.ports.data_keys import DataKeyId, WrappedDataKey
from tekana_memory.state import MemoryState


class MemoryDataKeys:
    """Implements tekana.ports.data_keys.WrappedDataKeys."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._keys = state.data_keys
        self._clock = clock

    async def add(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
        for one in self._keys.values():
            if one.purpose == purpose and one.retired_at is None:
                return one
        added = self._keys[key_id] = WrappedDataKey(key_id, purpose, wrapped, self._clock())
        return added

    async def rotate(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
        for one in self._keys.values():
            if one.purpose == purpose and one.retired_at is None:
                self._keys[one.id] = one._replace(retired_at=self._clock())
        return await self.add(key_id, purpose, wrapped)

    async def list(self) -> Sequence[WrappedDataKey]:
        return sorted(self._keys.values())

    async def replace_wrapped(self, key_id: DataKeyId, before: str, after: str) -> bool:
        found = self._keys.get(key_id)
        if found is None or found.wrapped != before:
            return False
        self._keys[key_id] = found._replace(wrapped=after)
        return True
