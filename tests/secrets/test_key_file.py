"""The key file: its mode, its content, and what an operator reads when something is wrong with it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tekana.bootstrap import Settings
from tekana.bootstrap.adapters import find_key_provider
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.ports.key_provider import UnknownMasterKey
from tekana_keyfile import KeyFile, MemoryKeys
from tekana_keyfile.key_file import _Document
from tekana_keyfile.master_keys import new_master_keys

KEY, CONTEXT = bytes(range(32)), "a purpose and an id"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "master-keys.json"


@pytest.fixture
def provider(path: Path) -> KeyFile:
    return KeyFile(f"file://{path}".replace(" ", "%20"))


async def test_it_is_created_for_its_owner_only(provider: KeyFile, path: Path) -> None:
    assert not path.parent.exists()
    before = os.umask(0)
    try:
        await provider.wrap(KEY, CONTEXT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    content = json.loads(path.read_text())
    assert list(content) == ["version", "active", "master_keys"]
    assert list(content["master_keys"]) == [content["active"]]


async def test_nothing_but_a_new_data_key_creates_it(provider: KeyFile, path: Path) -> None:
    wrapped = await MemoryKeys().wrap(KEY, CONTEXT)
    for use in (provider.unwrap(wrapped, CONTEXT), provider.master_keys(), provider.add_master_key()):
        with pytest.raises(Unavailable, match=r"there is no key file .*: restore it"):
            await use
    with pytest.raises(Unavailable, match="there is no key file"):
        await KeyFile(f"file://{path}?existing".replace(" ", "%20")).wrap(KEY, CONTEXT)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
async def test_a_file_that_others_can_read_is_refused(provider: KeyFile, path: Path, mode: int) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    path.chmod(mode)
    for use in (provider.unwrap(wrapped, CONTEXT), provider.wrap(KEY, CONTEXT), provider.add_master_key()):
        with pytest.raises(Unavailable, match="is open to other users: run chmod 600"):
            await use
    path.chmod(0o600)
    assert await provider.unwrap(wrapped, CONTEXT) == KEY


@pytest.mark.parametrize("content", ["", "{}", "[]", "\x00", '{"version":2,"active":"a","master_keys":{}}', "cut"])
async def test_a_damaged_file_is_named_and_not_quoted(provider: KeyFile, path: Path, content: str) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    whole = path.read_text()
    path.write_text(whole[:-80] if content == "cut" else content)
    for use in (provider.unwrap(wrapped, CONTEXT), provider.wrap(KEY, CONTEXT), provider.add_master_key()):
        with pytest.raises(Unavailable, match="is not a key file, or damaged: restore it") as refused:
            await use
        assert refused.value.__cause__ is None
        assert not any(one["key"] in str(refused.value) for one in json.loads(whole)["master_keys"].values())
    path.write_text(whole)
    assert await provider.unwrap(wrapped, CONTEXT) == KEY


async def test_a_file_with_other_keys_names_the_one_that_is_missing(provider: KeyFile, path: Path) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    path.unlink()
    await provider.wrap(KEY, CONTEXT)
    with pytest.raises(
        UnknownMasterKey, match=rf"there is no master key {wrapped.split('.')[1]} in .*master-keys.json"
    ):
        await provider.unwrap(wrapped, CONTEXT)


_WRAP = """
import asyncio, sys
from tekana_keyfile import KeyFile
print(asyncio.run(KeyFile(sys.argv[1]).wrap(bytes(32), "a purpose")))
"""


def test_processes_that_create_it_at_once_have_one_file(path: Path) -> None:
    url = f"file://{path}".replace(" ", "%20")
    started = [
        subprocess.Popen([sys.executable, "-c", _WRAP, url], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    wrapped = [one.communicate(timeout=60)[0] for one in started]
    assert len({one.split(".")[1] for one in wrapped}) == 1
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_a_change_that_fails_changes_nothing(
    provider: KeyFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provider.wrap(KEY, CONTEXT)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(Unavailable, match="cannot be changed: No space left on device"):
                await provider.add_master_key()
        assert path.read_bytes() == before
        assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_master_keys_are_not_shown(provider: KeyFile, path: Path) -> None:
    await provider.wrap(KEY, CONTEXT)
    keys = new_master_keys()
    [master] = keys.keys.values()
    shown = [repr(keys), repr(master), str(master), repr(provider), repr(vars(provider)), repr(MemoryKeys())]
    shown.append(repr(_Document(version=1, active=keys.active, master_keys=keys.keys)))
    assert not any(repr(master.key) in one or master.key.hex() in one for one in shown)


@pytest.mark.parametrize("url", ["file://", "file://host/keys", "file:///keys?create", "file:///keys#1"])
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="key_provider_url: must be file:///folder/file"):
        KeyFile(url)


@pytest.mark.parametrize(
    ("database_url", "location"),
    [
        ("embedded:///a%20folder", "/a folder/master-keys.json"),
        ("embedded:///a%20folder?existing", "/a folder/master-keys.json"),
        ("memory://", "this process's memory"),
    ],
)
def test_the_default_is_beside_the_data(database_url: str, location: str) -> None:
    assert find_key_provider(Settings(database_url=database_url)).location == location


@pytest.mark.parametrize("database_url", ["embedded://", "embedded://?existing", "postgresql+asyncpg://host/name"])
def test_the_default_is_in_the_folder_of_tekanas_data(database_url: str, key_folder: Path) -> None:
    assert find_key_provider(Settings(database_url=database_url)).location == f"{key_folder}/master-keys.json"


def test_the_setting_names_another(tmp_path: Path) -> None:
    settings = Settings(database_url="memory://", key_provider_url=f"file://{tmp_path}/keys")
    assert find_key_provider(settings).location == f"{tmp_path}/keys"
