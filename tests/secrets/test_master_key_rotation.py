"""Rotation of the master key: processes go on, and an interrupted rotation is completed by the next one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tekana.application.secrets.data_keys import DataKey, DataKeys
from tekana.application.secrets.master_key_rotation import rotate_master_key
from tekana.domain.errors import Unavailable
from tekana.ports.data_keys import DataKeyStore
from tekana.ports.key_provider import UnknownMasterKey
from tekana_keyfile import KeyFile, MemoryKeys
from tests.forked import TEKANA, forked
from tests.postgres_stores import postgres_store

_PURPOSES = [f"purpose {number}" for number in range(5)]


@pytest.fixture
def provider(tmp_path: Path) -> KeyFile:
    return KeyFile(f"file://{tmp_path}/master-keys.json")


async def test_every_data_key_is_wrapped_with_the_new_master_key(store: DataKeyStore, provider: KeyFile) -> None:
    keys = await _data_keys(store, provider)
    old_file = Path(provider.location).read_bytes()
    [first] = await provider.master_keys()
    done = await rotate_master_key(provider, store.data_keys)
    assert (done.wrapped, done.retired) == (len(_PURPOSES), (first,))
    assert await provider.master_keys() == (done.active,)
    assert all([await provider.is_active(one.wrapped) for one in await store.data_keys.list()])
    assert await _data_keys(store, provider) == keys
    Path(provider.location).write_bytes(old_file)  # the earlier master key is of no use any more
    with pytest.raises(UnknownMasterKey):
        await _data_keys(store, provider)


async def test_a_running_process_goes_on(store: DataKeyStore, provider: KeyFile) -> None:
    running = DataKeys(store, KeyFile(f"file://{provider.location}"), uuid7)
    known = await running.current("purpose 0")
    for _ in range(3):
        await rotate_master_key(provider, store.data_keys)
        assert await running.current("purpose 0") is known
        created = await running.current(f"new purpose {uuid7()}")
        assert await DataKeys(store, provider, uuid7).get(created.purpose, created.id) == created


async def test_data_keys_that_are_created_meanwhile_stay_readable(store: DataKeyStore, provider: KeyFile) -> None:
    running = DataKeys(store, KeyFile(f"file://{provider.location}"), uuid7)
    created = [await running.current("the first")]

    async def create() -> None:
        created.extend([await running.current(f"meanwhile {number}") for number in range(40)])

    async def rotate() -> None:
        for _ in range(10):
            await rotate_master_key(provider, store.data_keys)

    await asyncio.gather(create(), rotate())
    await rotate_master_key(provider, store.data_keys)
    later = DataKeys(store, provider, uuid7)
    assert [await later.get(one.purpose, one.id) for one in created] == created
    assert all([await provider.is_active(one.wrapped) for one in await store.data_keys.list()])


class Killed(BaseException):
    """Ends a rotation as a kill does: nothing handles it."""


class Fragile:
    """Passes calls on to several objects, and is killed at one of them: before it, or after it had its effect."""

    def __init__(self, killed_at: int, *, after: bool) -> None:
        self._calls = 0
        self._killed_at = killed_at
        self._after = after

    def guard(self, inner: object) -> Any:
        outer = self

        class Guarded:
            def __getattr__(self, name: str) -> Any:
                method = getattr(inner, name)

                async def call(*arguments: Any) -> Any:
                    outer._calls += 1
                    if outer._calls == outer._killed_at and not outer._after:
                        raise Killed
                    result = await method(*arguments)
                    if outer._calls == outer._killed_at:
                        raise Killed
                    return result

                return call

        return Guarded()


@pytest.mark.parametrize("after", [False, True], ids=["before a call", "after a call"])
async def test_a_rotation_killed_at_any_call_is_completed_by_the_next(
    store: DataKeyStore, provider: KeyFile, after: bool
) -> None:
    keys = await _data_keys(store, provider)
    kills = 0
    for killed_at in range(1, 1000):
        fragile = Fragile(killed_at, after=after)
        before = await provider.master_keys()
        assert len(before) == 1
        try:
            await rotate_master_key(fragile.guard(provider), fragile.guard(store.data_keys))
        except Killed:
            kills += 1
        else:
            break
        assert await _data_keys(store, provider) == keys, f"a data key was lost at call {killed_at}"
        await rotate_master_key(provider, store.data_keys)
        assert len(await provider.master_keys()) == 1
        assert all([await provider.is_active(one.wrapped) for one in await store.data_keys.list()])
        assert await _data_keys(store, provider) == keys
    assert kills > 3 * len(_PURPOSES)


async def test_two_rotations_at_once_lose_nothing(store: DataKeyStore, provider: KeyFile) -> None:
    keys = await _data_keys(store, provider)
    for _ in range(5):
        others = [KeyFile(f"file://{provider.location}") for _ in range(3)]
        await asyncio.gather(*(rotate_master_key(one, store.data_keys) for one in others))
        assert await _data_keys(store, provider) == keys
    await rotate_master_key(provider, store.data_keys)
    assert await _data_keys(store, provider) == keys
    assert len(await provider.master_keys()) == 1


async def test_nothing_is_changed_at_the_wrong_provider_or_a_lost_one(store: DataKeyStore) -> None:
    provider, stranger = MemoryKeys(), MemoryKeys()
    keys = await _data_keys(store, provider)
    before = await stranger.master_keys()
    with pytest.raises(UnknownMasterKey):
        await rotate_master_key(stranger, store.data_keys)
    assert await stranger.master_keys() == before
    provider.lost = True
    with pytest.raises(Unavailable):
        await rotate_master_key(provider, store.data_keys)
    provider.lost = False
    assert await _data_keys(store, provider) == keys


async def _data_keys(store: DataKeyStore, provider: Any) -> list[DataKey]:
    """Return the data keys of all purposes, as a new process reads them; they are created if they are not there."""
    keys = DataKeys(store, provider, uuid7)
    return [await keys.current(purpose) for purpose in _PURPOSES]


@pytest.fixture
def command(postgres_url: str, tmp_path: Path) -> list[str]:
    url = f"file://{tmp_path}/master-keys.json"
    options = ["--database-url", postgres_url, "--key-provider-url", url]
    return [*TEKANA, "secrets", "rotate-master-key", *options]


def test_the_command_rotates(command: list[str], postgres_url: str, provider: KeyFile) -> None:
    refused = subprocess.run(command, **forked(command), check=False, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert (
        refused.stderr == f"tekana: there is no key file {provider.location}: restore it, or copy it to this machine\n"
    )
    keys = asyncio.run(_created(postgres_url, provider))
    [first] = asyncio.run(provider.master_keys())
    done = subprocess.run(command, **forked(command), check=False, capture_output=True, text=True, timeout=60)
    [second] = asyncio.run(provider.master_keys())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"tekana: the master key is {second}, 5 data keys were encrypted with it",
        f"tekana: the master key {first} is retired",
    ]
    assert asyncio.run(_created(postgres_url, provider)) == keys


def test_the_command_may_be_killed(command: list[str], postgres_url: str, provider: KeyFile) -> None:
    keys = asyncio.run(_created(postgres_url, provider, 100))
    interrupted = 0
    for _ in range(4):
        before = len(json.loads(Path(provider.location).read_text())["master_keys"])
        with subprocess.Popen(command, **forked(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as rotating:
            until = time.monotonic() + 60
            while rotating.poll() is None and time.monotonic() < until:
                if len(json.loads(Path(provider.location).read_text())["master_keys"]) > before or interrupted:
                    time.sleep(random.uniform(0.0, 0.2))
                    os.kill(rotating.pid, signal.SIGKILL)
                    break
                time.sleep(0.005)
        interrupted += len(asyncio.run(provider.master_keys())) > 1
        assert asyncio.run(_created(postgres_url, provider, 100)) == keys
    assert interrupted, "no rotation was killed while it ran"
    subprocess.run(command, **forked(command), check=True, capture_output=True, timeout=60)
    assert len(asyncio.run(provider.master_keys())) == 1
    assert asyncio.run(_created(postgres_url, provider, 100)) == keys


async def _created(url: str, provider: KeyFile, count: int = len(_PURPOSES)) -> list[DataKey]:
    store = postgres_store(url)
    keys = DataKeys(store, provider, uuid7)
    try:
        return [await keys.current(f"purpose {number}") for number in range(count)]
    finally:
        await store.stop()
