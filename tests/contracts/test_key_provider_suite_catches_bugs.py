"""The key provider contract suite detects each of these bugs; test_key_providers.py shows that correct ones pass."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tekana.domain.errors import TekanaError
from tekana.testing.contracts import KeyProviderContract
from tekana_keyfile import MemoryKeys
from tekana_keyfile.master_keys import MasterKeys


class IgnoresTheContext(MemoryKeys):
    """Unwraps a key for another use than the one it was wrapped for."""

    async def wrap(self, key: bytes, context: str) -> str:
        return await super().wrap(key, "")

    async def unwrap(self, wrapped: str, context: str) -> bytes:
        return await super().unwrap(wrapped, "")


class WrapsNothing(MemoryKeys):
    """Only encodes the key."""

    async def wrap(self, key: bytes, context: str) -> str:
        return f"{await super().wrap(key, context)}.{key.hex()}"

    async def unwrap(self, wrapped: str, context: str) -> bytes:
        return bytes.fromhex(wrapped.rpartition(".")[2])


class WrapsEqualKeysEqually(MemoryKeys):
    """Returns the same text for the same key."""

    def __init__(self, url: str = "memory://") -> None:
        super().__init__(url)
        self._texts: dict[bytes, str] = {}

    async def wrap(self, key: bytes, context: str) -> str:
        if key not in self._texts:
            self._texts[key] = await super().wrap(key, context)
        return self._texts[key]


class RaisesLibraryErrors(MemoryKeys):
    """Raises other exceptions than the port names while it is lost."""

    def _found(self) -> MasterKeys:
        if self.lost:
            raise ConnectionRefusedError
        return super()._found()


class AnswersWhileLost(MemoryKeys):
    """Rotates while it cannot be reached."""

    async def add_master_key(self) -> str:
        self._keys = self._keys.with_new_key()
        return self._keys.active


class WrapsWithTheEarlierKey(MemoryKeys):
    """Wraps with a master key that is not the active one."""

    async def wrap(self, key: bytes, context: str) -> str:
        keys = self._found()
        return MasterKeys(next(iter(keys.keys)), keys.keys).wrap(key, context)


class DestroysEarlierKeys(MemoryKeys):
    """A retired master key unwraps nothing."""

    async def retire_master_keys(self) -> tuple[str, ...]:
        retired = await super().retire_master_keys()
        self._keys = MasterKeys(self._keys.active, {self._keys.active: self._keys.keys[self._keys.active]})
        return retired


class Suite(KeyProviderContract):
    """The contract suite in memory. pytest does not collect it, as its name does not begin with Test."""

    rotates = True

    @asynccontextmanager
    async def lost(self, provider: Any) -> AsyncIterator[None]:
        provider.lost = True
        yield
        provider.lost = False


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (IgnoresTheContext, Suite.test_a_key_of_another_context_is_refused),
        (WrapsNothing, Suite.test_the_text_hides_the_key),
        (WrapsNothing, Suite.test_a_changed_text_is_refused),
        (WrapsNothing, Suite.test_a_key_of_another_provider_is_unknown),
        (WrapsEqualKeysEqually, Suite.test_the_text_hides_the_key),
        (RaisesLibraryErrors, Suite.test_a_lost_provider_is_unavailable_until_it_is_back),
        (AnswersWhileLost, Suite.test_a_lost_provider_is_not_rotated),
        (WrapsWithTheEarlierKey, Suite.test_earlier_keys_still_unwrap_after_a_rotation),
        (DestroysEarlierKeys, Suite.test_earlier_keys_still_unwrap_after_a_rotation),
    ],
    ids=lambda one: one.__name__,
)
async def test_the_suite_detects_the_bug(broken: type[MemoryKeys], test: Callable[..., Any]) -> None:
    names = [name for name in inspect.signature(test).parameters if name != "self"]
    await test(Suite(), **{name: MemoryKeys() for name in names})
    with pytest.raises((AssertionError, pytest.fail.Exception, TekanaError, OSError)):
        await test(Suite(), **{name: broken() for name in names})
