"""The key providers fulfil the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tekana.ports.key_provider import KeyProvider, RotatesMasterKeys
from tekana.testing.contracts import KeyProviderContract
from tekana_keyfile import KeyFile, MemoryKeys


class TestMemoryKeys(KeyProviderContract):
    rotates = True

    @pytest.fixture
    def provider(self) -> MemoryKeys:
        return MemoryKeys()

    @pytest.fixture
    def stranger(self) -> MemoryKeys:
        return MemoryKeys()

    @asynccontextmanager
    async def lost(self, provider: KeyProvider) -> AsyncIterator[None]:
        assert isinstance(provider, MemoryKeys)
        provider.lost = True
        yield
        provider.lost = False


class TestKeyFile(KeyProviderContract):
    rotates = True
    shared = True

    @pytest.fixture
    def provider(self, tmp_path: Path) -> KeyFile:
        return KeyFile(f"file://{tmp_path}/keys/master-keys.json")

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> KeyFile:
        return KeyFile(f"file://{tmp_path}/other-keys.json")

    def another(self, provider: KeyProvider) -> KeyFile:
        return KeyFile(f"file://{provider.location}")

    @asynccontextmanager
    async def lost(self, provider: KeyProvider) -> AsyncIterator[None]:
        """Move the folder away: the file can neither be read nor created where it was."""
        path = Path(provider.location)
        away = path.parent.with_name("away")
        path.parent.rename(away)
        path.parent.touch()
        yield
        path.parent.unlink()
        away.rename(path.parent)


@pytest.mark.parametrize("kind", [KeyFile, MemoryKeys])
def test_they_rotate_their_master_keys(kind: type) -> None:
    assert isinstance(kind("memory://" if kind is MemoryKeys else "file:///a/file"), RotatesMasterKeys)
