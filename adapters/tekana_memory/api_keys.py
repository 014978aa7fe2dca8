"""API keys: the reader, and the credentials."""

from __future__ import annotations

from dataclasses import replace

from tekana.domain.api_keys import ApiKey, api_key_not_found
from tekana.domain.caller import Caller
from tekana.domain.identifiers import ApiKeyId
from tekana.domain.policy import can_manage_key
from tekana.ports.clock import Clock
from tekana.ports.credentials import USE_RECORDED_EVERY, KnownKey
from tekana.ports.page import Page, PageRequest
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState


class MemoryApiKeys:
    """Implements tekana.ports.api_keys.ApiKeys."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def get(self, key_id: ApiKeyId) -> ApiKey:
        key = self._state.api_keys.get(key_id)
        if key is None or not self._has(key):
            raise api_key_not_found(key_id)
        return _with_use(self._state, key).without_hashes()

    async def list(self, page: PageRequest) -> Page[ApiKey]:
        keys = self._state.api_keys
        found = [_with_use(self._state, one).without_hashes() for _, one in sorted(keys.items()) if self._has(one)]
        return page_of(found, page, lambda one: one.id, keys)

    def _has(self, key: ApiKey) -> bool:
        return can_manage_key(self._caller, key.tenant, key.kind)


class MemoryCredentials:
    """Implements tekana.ports.credentials.Credentials."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def find(self, key_id: ApiKeyId) -> KnownKey | None:
        key = self._state.api_keys.get(key_id)
        return None if key is None else KnownKey(_with_use(self._state, key), self._clock())

    async def record_use(self, key_id: ApiKeyId) -> None:
        now, last = self._clock(), self._state.key_uses.get(key_id)
        if key_id in self._state.api_keys and (last is None or now - last >= USE_RECORDED_EVERY):
            self._state.key_uses[key_id] = now


def _with_use(state: MemoryState, key: ApiKey) -> ApiKey:
    return replace(key, last_used_at=state.key_uses.get(key.id))
