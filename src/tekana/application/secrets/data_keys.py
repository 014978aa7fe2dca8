"""Data keys: encrypt or sign what is stored. Each has a purpose, is stored wrapped, and is kept unwrapped in memory.

A key that was unwrapped once needs no key provider any more, as long as the process runs.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from tekana.domain.errors import Unavailable
from tekana.ports.clock import NewId
from tekana.ports.data_keys import DataKeyId, DataKeyStore, WrappedDataKey
from tekana.ports.key_provider import KeyProvider

_KEY_BYTES: Final = 32

REFRESH_SECONDS: Final = 60.0
"""After so long at most, each process uses a key that was rotated by another one, where it encrypts customers."""


class UnknownDataKey(Unavailable):
    """The store has no data key of this id and purpose: it was removed from the database."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key, unwrapped. Its `repr` does not contain the key.

    Attributes:
        id: its id, which is stored with what it encrypts.
        purpose: what it is for.
        value: the key of 32 random bytes.
    """

    id: DataKeyId
    purpose: str
    value: bytes = field(repr=False)


class DataKeys:
    """The data keys of a store, unwrapped when they are first needed. For many tasks of one event loop.

    Args:
        store: the store of the wrapped keys.
        provider: wraps and unwraps them.
        new_id: returns a new id.
        new_key: returns the bytes of a new key.
    """

    def __init__(
        self,
        store: DataKeyStore,
        provider: KeyProvider,
        new_id: NewId,
        *,
        new_key: Callable[[], bytes] = lambda: secrets.token_bytes(_KEY_BYTES),
    ) -> None:
        self._store = store
        self._provider = provider
        self._new_id = new_id
        self._new_key = new_key
        self._keys: dict[DataKeyId, DataKey] = {}
        self._current: dict[str, DataKey] = {}
        self._refresh_at: dict[str, float] = {}

    async def current(self, purpose: str) -> DataKey:
        """Return the current key of a purpose. It is created when it is first needed.

        Raises:
            Unavailable: it is not in memory, and the store or the key provider cannot be reached.
        """
        found = self._current.get(purpose)
        if found is not None:
            return found
        records = await self._store.data_keys.list()
        record = next((one for one in records if one.purpose == purpose and one.retired_at is None), None)
        key = await (self._create(purpose, records) if record is None else self._unwrap(record))
        self._current[purpose] = key
        return key

    async def latest(self, purpose: str) -> DataKey:
        """Return the current key of a purpose, as it was REFRESH_SECONDS ago at the earliest: it may be rotated.

        If that cannot be found out, the one in memory goes on.

        Raises:
            Unavailable: there is none in memory, and the store or the key provider cannot be reached.
        """
        known = self._current.get(purpose)
        if known is not None and time.monotonic() < self._refresh_at.get(purpose, 0.0):
            return known
        self._refresh_at[purpose] = time.monotonic() + REFRESH_SECONDS
        if known is None:
            return await self.current(purpose)
        try:
            records = await self._store.data_keys.list()
            [record] = [one for one in records if one.purpose == purpose and one.retired_at is None]
            if record.id != known.id:
                self._current[purpose] = await self._unwrap(record)
        except Unavailable:
            return known
        return self._current[purpose]

    async def rotate(self, purpose: str) -> DataKey:
        """Retire the current key of a purpose, and return the new one. Other processes use it REFRESH_SECONDS later.

        Raises:
            Unavailable: the store or the key provider cannot be reached. Nothing was changed.
        """
        await self.current(purpose)  # at a provider with other master keys, nothing is changed
        key_id, value = DataKeyId(self._new_id()), self._new_key()
        wrapped = await self._provider.wrap(value, context_of(purpose, key_id))
        await self._provider.unwrap(wrapped, context_of(purpose, key_id))
        key = self._current[purpose] = await self._unwrap(await self._store.data_keys.rotate(key_id, purpose, wrapped))
        return key

    async def get(self, purpose: str, key_id: DataKeyId) -> DataKey:
        """Return a key by its id.

        Raises:
            UnknownDataKey: the purpose has no such key.
            Unavailable: it is not in memory, and the store or the key provider cannot be reached.
        """
        found = self._keys.get(key_id)
        if found is None:
            records = await self._store.data_keys.list()
            record = next((one for one in records if one.id == key_id), None)
            found = await (_missing(key_id) if record is None else self._unwrap(record))
        return found if found.purpose == purpose else _missing(key_id)

    async def load(self, purpose: str) -> None:
        """Unwrap all keys of a purpose, so that `loaded` and `loaded_by_id` return them. It may create the current one.

        Raises:
            Unavailable: one is not in memory, and the store or the key provider cannot be reached.
        """
        await self.current(purpose)
        for record in await self._store.data_keys.list():
            if record.purpose == purpose and record.id not in self._keys:
                await self._unwrap(record)

    async def check_provider(self) -> None:
        """Check that the key provider can be reached, and has the master keys of the store.

        If the store cannot be read, nothing is checked: what the store lacks is found by its readiness check.

        Raises:
            Unavailable: the key provider cannot be reached, or has other master keys.
        """
        try:
            records = await self._store.data_keys.list()
        except Unavailable:
            return
        if records:
            await self._unwrap(records[-1])
        else:
            await self._provider.wrap(self._new_key(), "a check")

    def loaded(self, purpose: str) -> DataKey:
        """Return the current key of a purpose, without I/O.

        Raises:
            Unavailable: it is not in memory: `load` or `current` did not succeed yet.
        """
        found = self._current.get(purpose)
        if found is None:
            raise Unavailable(f"the data key for {purpose} is not loaded yet")
        return found

    def loaded_by_id(self, purpose: str, key_id: DataKeyId) -> DataKey:
        """Return a key by its id, without I/O.

        Raises:
            Unavailable: it is not in memory: `load` or `get` did not succeed yet.
        """
        found = self._keys.get(key_id)
        if found is None or found.purpose != purpose:
            raise Unavailable(f"the data key {key_id} for {purpose} is not loaded yet")
        return found

    async def _create(self, purpose: str, records: Sequence[WrappedDataKey]) -> DataKey:
        """Create the current key of a purpose, or take the one that another process creates meanwhile.

        Another key of the store is unwrapped first: a provider with other master keys must not add keys to it.
        """
        if records and not self._keys:
            await self._unwrap(records[-1])
        key_id, value = DataKeyId(self._new_id()), self._new_key()
        wrapped = await self._provider.wrap(value, context_of(purpose, key_id))
        record = await self._store.data_keys.add(key_id, purpose, wrapped)
        return await self._unwrap(record)  # also the new one: what cannot be unwrapped must not encrypt anything

    async def _unwrap(self, record: WrappedDataKey) -> DataKey:
        value = await self._provider.unwrap(record.wrapped, context_of(record.purpose, record.id))
        key = self._keys[record.id] = DataKey(record.id, record.purpose, value)
        return key


def context_of(purpose: str, key_id: DataKeyId) -> str:
    """Return the context that a data key is wrapped with: a wrapped key cannot take the place of another one."""
    return f"{purpose} {key_id}"


def _missing(key_id: DataKeyId) -> NoReturn:
    raise UnknownDataKey(f"the database has no data key {key_id}")
