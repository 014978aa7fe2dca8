"""In-memory stores, each with one bug in its data keys that the contract suite has to detect."""

from typing import Any

from tekana.ports.data_keys import DataKeyId, WrappedDataKey
from tekana_memory import MemoryStore
from tekana_memory.data_keys import MemoryDataKeys


class BrokenDataKeyStore(MemoryStore):
    """A store with a bug in its data keys."""

    kind: type[MemoryDataKeys] = MemoryDataKeys

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.data_keys = self.kind(self._state, self._clock)


class AddsASecondCurrentKey(BrokenDataKeyStore):
    """Adds a key although the purpose has one."""

    class kind(MemoryDataKeys):  # noqa: N801
        async def add(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
            added = self._keys[key_id] = WrappedDataKey(key_id, purpose, wrapped, self._clock())
            return added


class SharesKeysAmongPurposes(BrokenDataKeyStore):
    """Returns the key of another purpose."""

    class kind(MemoryDataKeys):  # noqa: N801
        async def add(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
            for one in self._keys.values():
                return one
            return await super().add(key_id, purpose, wrapped)


class OverwritesAnyText(BrokenDataKeyStore):
    """Replaces a wrapped key that another process has replaced meanwhile."""

    class kind(MemoryDataKeys):  # noqa: N801
        async def replace_wrapped(self, key_id: DataKeyId, before: str, after: str) -> bool:
            self._keys[key_id] = self._keys[key_id]._replace(wrapped=after)
            return True
