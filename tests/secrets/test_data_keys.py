"""Data keys: created once, unwrapped once, and never shown."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest
from uuid_utils.compat import uuid7

from tekana.application.secrets.data_keys import DataKeys, UnknownDataKey
from tekana.domain.errors import Unavailable
from tekana.ports.data_keys import DataKeyId, DataKeyStore
from tekana.ports.key_provider import DamagedKey, UnknownMasterKey
from tekana_keyfile import MemoryKeys

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def provider() -> MemoryKeys:
    return MemoryKeys()


async def test_a_key_is_created_once_and_found_by_its_id(store: DataKeyStore, provider: MemoryKeys) -> None:
    keys = DataKeys(store, provider, uuid7)
    first = await keys.current("webhook-secrets")
    assert (len(first.value), first.purpose) == (32, "webhook-secrets")
    assert await keys.current("webhook-secrets") is first
    later = DataKeys(store, provider, uuid7)
    assert await later.get("webhook-secrets", first.id) == first
    assert await later.current("webhook-secrets") == first
    other = await later.current("api-keys")
    assert other.value != first.value
    with pytest.raises(UnknownDataKey):
        await later.get("api-keys", first.id)
    with pytest.raises(UnknownDataKey):
        await later.get("api-keys", DataKeyId(uuid7()))


async def test_processes_that_create_it_at_once_have_one_key(store: DataKeyStore, provider: MemoryKeys) -> None:
    processes = [DataKeys(store, provider, uuid7) for _ in range(8)]
    found = await asyncio.gather(*(one.current("api-keys") for one in processes for _ in range(3)))
    assert len({(one.id, one.value) for one in found}) == 1
    assert len(await store.data_keys.list()) == 1


async def test_what_is_loaded_is_there_without_waiting(store: DataKeyStore, provider: MemoryKeys) -> None:
    created = await DataKeys(store, provider, uuid7).current("api-keys")
    keys = DataKeys(store, provider, uuid7)
    for find in (lambda: keys.loaded("api-keys"), lambda: keys.loaded_by_id("api-keys", created.id)):
        with pytest.raises(Unavailable, match="not loaded yet"):
            find()
    await keys.load("api-keys")
    assert keys.loaded("api-keys") == keys.loaded_by_id("api-keys", created.id) == created
    with pytest.raises(Unavailable, match="not loaded yet"):
        keys.loaded_by_id("webhook-secrets", created.id)


async def test_a_lost_provider_stops_only_what_was_not_unwrapped(store: DataKeyStore, provider: MemoryKeys) -> None:
    keys = DataKeys(store, provider, uuid7)
    known = await keys.current("api-keys")
    provider.lost = True
    assert await keys.current("api-keys") is known
    assert await keys.get("api-keys", known.id) is known
    assert keys.loaded("api-keys") is known
    with pytest.raises(Unavailable):
        await keys.current("webhook-secrets")
    assert len(await store.data_keys.list()) == 1
    with pytest.raises(Unavailable):
        await DataKeys(store, provider, uuid7).current("api-keys")
    provider.lost = False
    assert (await keys.current("webhook-secrets")).purpose == "webhook-secrets"


async def test_a_provider_with_other_master_keys_adds_no_key(store: DataKeyStore, provider: MemoryKeys) -> None:
    await DataKeys(store, provider, uuid7).current("api-keys")
    stranger = DataKeys(store, MemoryKeys(), uuid7)
    for purpose in ("api-keys", "webhook-secrets"):
        with pytest.raises(UnknownMasterKey):
            await stranger.current(purpose)
    assert [one.purpose for one in await store.data_keys.list()] == ["api-keys"]


async def test_a_wrapped_key_cannot_take_the_place_of_another(store: DataKeyStore, provider: MemoryKeys) -> None:
    keys = DataKeys(store, provider, uuid7)
    await keys.current("api-keys")
    await keys.current("webhook-secrets")
    first, second = await store.data_keys.list()
    assert await store.data_keys.replace_wrapped(second.id, second.wrapped, first.wrapped)
    with pytest.raises(DamagedKey):
        await DataKeys(store, provider, uuid7).current(second.purpose)


async def test_no_key_is_shown(store: DataKeyStore, provider: MemoryKeys, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = DataKeys(store, provider, uuid7, new_key=lambda: KEY)
    key = await keys.current("api-keys")
    assert key.value == KEY
    shown = [repr(key), str(key), f"{key}", repr(keys), repr(await store.data_keys.list()), repr(provider)]
    [record] = await store.data_keys.list()
    await store.data_keys.replace_wrapped(record.id, record.wrapped, record.wrapped[:-4])
    with pytest.raises(DamagedKey) as damaged:
        await DataKeys(store, provider, uuid7).current("api-keys")
    shown += ["".join(traceback.format_exception(damaged.value)), repr(damaged.value), caplog.text]
    assert not any(one in text for text in shown for one in (KEY.decode(), KEY.hex(), repr(KEY)))
