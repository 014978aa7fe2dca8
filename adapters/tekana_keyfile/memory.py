"""Master keys in memory, which end with the process: for stores in memory, and for tests."""

from __future__ import annotations

from tekana.domain.errors import Unavailable
from tekana_keyfile.master_keys import MasterKeys, master_key_id, new_master_keys


class MemoryKeys:
    """Implements tekana.ports.key_provider.RotatesMasterKeys.

    Attributes:
        lost: whether to raise Unavailable, as a provider does that cannot be reached; for tests.
    """

    location = "this process's memory"

    def __init__(self, url: str = "memory://") -> None:
        self.url = url
        self.lost = False
        self._keys = new_master_keys()

    async def wrap(self, key: bytes, context: str) -> str:
        return self._found().wrap(key, context)

    async def unwrap(self, wrapped: str, context: str) -> bytes:
        return self._found().unwrap(wrapped, context)

    async def master_keys(self) -> tuple[str, ...]:
        return self._found().unretired()

    async def add_master_key(self) -> str:
        self._keys = self._found().with_new_key()
        return self._keys.active

    async def is_active(self, wrapped: str) -> bool:
        return master_key_id(wrapped) == self._found().active

    async def retire_master_keys(self) -> tuple[str, ...]:
        keys = self._found()
        self._keys = keys.with_one_unretired()
        return keys.unretired()[:-1]

    def _found(self) -> MasterKeys:
        if self.lost:
            raise Unavailable("the master keys cannot be reached")
        return self._keys
