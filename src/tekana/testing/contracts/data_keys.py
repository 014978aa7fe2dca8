"""The suite for a store that keeps data keys: `tekana.ports.data_keys`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from uuid_utils.compat import uuid7

from tekana.ports.data_keys import DataKeyId, WrappedDataKey
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract


class DataKeysContract(Contract):
    """The contract of data keys. A subclass defines the fixture `store`, as for `StoreContract`."""

    async def test_a_key_is_kept_as_it_was_added(self, store: Any, stores: Sequence[Any], clock: FrozenClock) -> None:
        key_id, at = new_id(), clock()
        added = await store.data_keys.add(key_id, "a purpose", "a wrapped key")
        assert added == WrappedDataKey(key_id, "a purpose", "a wrapped key", at, None)
        for one in stores:
            assert list(await one.data_keys.list()) == [added]

    async def test_a_purpose_keeps_its_first_key(self, store: Any, stores: Sequence[Any], clock: FrozenClock) -> None:
        first = await store.data_keys.add(new_id(), "a purpose", "the first")
        clock.advance(timedelta(days=1))
        for one in stores:
            assert await one.data_keys.add(new_id(), "a purpose", "the second") == first
            assert list(await one.data_keys.list()) == [first]

    async def test_of_many_at_once_one_adds(self, stores: Sequence[Any]) -> None:
        adding = (stores[one % len(stores)].data_keys.add(new_id(), "a purpose", str(one)) for one in range(20))
        found = set(await asyncio.gather(*adding))
        assert len(found) == 1
        assert set(await stores[0].data_keys.list()) == found

    async def test_each_purpose_has_its_own_key(self, store: Any) -> None:
        added = [await store.data_keys.add(new_id(), f"purpose {one}", f"key {one}") for one in range(3)]
        assert [one.purpose for one in added] == ["purpose 0", "purpose 1", "purpose 2"]
        assert list(await store.data_keys.list()) == added

    async def test_a_wrapped_key_is_replaced_once(self, store: Any, stores: Sequence[Any]) -> None:
        other = await store.data_keys.add(new_id(), "another purpose", "before")
        added = await store.data_keys.add(new_id(), "a purpose", "before")
        assert await store.data_keys.replace_wrapped(added.id, "before", "after")
        for one in stores:
            assert not await one.data_keys.replace_wrapped(added.id, "before", "late")
            assert list(await one.data_keys.list()) == [other, added._replace(wrapped="after")]
        assert not await store.data_keys.replace_wrapped(new_id(), "before", "after")

    async def test_a_rotated_key_is_retired_and_kept(
        self, store: Any, stores: Sequence[Any], clock: FrozenClock
    ) -> None:
        other = await store.data_keys.add(new_id(), "another purpose", "other")
        first = await store.data_keys.add(new_id(), "a purpose", "first")
        at, key_id = clock.advance(timedelta(days=1)), new_id()
        second = await store.data_keys.rotate(key_id, "a purpose", "second")
        assert second == WrappedDataKey(key_id, "a purpose", "second", at, None)
        for one in stores:
            assert list(await one.data_keys.list()) == [other, first._replace(retired_at=at), second]
            assert await one.data_keys.add(new_id(), "a purpose", "third") == second


def new_id() -> DataKeyId:
    """Return the id of a new data key."""
    return DataKeyId(uuid7())
