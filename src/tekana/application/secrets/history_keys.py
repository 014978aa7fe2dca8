"""The keys of the links of history: data keys of the purpose `history`."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tekana.application.secrets.data_keys import DataKey, DataKeys
from tekana.ports.data_keys import DataKeyId
from tekana.ports.history import HistoryKey

PURPOSE: Final = "history"


class DataKeysOfHistory:
    """Implements tekana.ports.history.HistoryKeys with data keys."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys
        self._known: dict[UUID, HistoryKey] = {}

    async def current(self) -> HistoryKey:
        return self._key(await self._keys.current(PURPOSE))

    async def get(self, key_id: UUID) -> HistoryKey:
        return self._key(await self._keys.get(PURPOSE, DataKeyId(key_id)))

    def _key(self, key: DataKey) -> HistoryKey:
        """Return always the same object for a key, as what is computed from it is kept."""
        if key.id not in self._known:
            self._known[key.id] = HistoryKey(key.id, key.value)
        return self._known[key.id]
