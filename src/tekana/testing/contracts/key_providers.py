"""The suite for a key provider: `tekana.ports.key_provider`."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode, urlsafe_b64encode
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import pytest

from tekana.domain.errors import Unavailable
from tekana.ports.key_provider import DamagedKey, KeyProvider, UnknownMasterKey
from tekana.testing.contracts.fixtures import CapabilityContract, needs

CONTEXT = "a purpose and an id"


class KeyProviderContract(CapabilityContract):
    """The contract of a key provider.

    A subclass defines the fixtures `provider` and `stranger`, which have different master keys, and the methods `lost`
    and, if `shared`, `another`.

    Attributes:
        rotates: whether it is a RotatesMasterKeys.
        shared: whether other objects can use the same master keys, as in other processes.
    """

    pytestmark = pytest.mark.asyncio
    rotates: ClassVar[bool] = False
    shared: ClassVar[bool] = False

    def lost(self, provider: KeyProvider) -> AbstractAsyncContextManager[None]:
        """Make the master keys unreachable until the context ends."""
        raise NotImplementedError("implement `lost`: see tekana.testing.contracts.key_providers")

    def another(self, provider: KeyProvider) -> KeyProvider:
        """Return another object with the same master keys."""
        raise NotImplementedError("implement `another`: see tekana.testing.contracts.key_providers")

    async def test_a_key_comes_back(self, provider: KeyProvider) -> None:
        keys = [secrets.token_bytes(32) for _ in range(20)]
        wrapped = await asyncio.gather(*(provider.wrap(one, CONTEXT) for one in keys))
        assert await asyncio.gather(*(provider.unwrap(one, CONTEXT) for one in wrapped)) == keys

    async def test_the_text_hides_the_key(self, provider: KeyProvider) -> None:
        key = secrets.token_bytes(32)
        texts = [await provider.wrap(key, CONTEXT) for _ in range(20)]
        assert len(set(texts)) == len(texts), "equal keys have equal texts"
        for shown in (key.hex(), b64encode(key).decode(), urlsafe_b64encode(key).decode()):
            assert not any(shown.rstrip("=") in one for one in (*texts, repr(provider), provider.location))

    async def test_a_key_of_another_context_is_refused(self, provider: KeyProvider) -> None:
        wrapped = await provider.wrap(secrets.token_bytes(32), CONTEXT)
        for context in ("another", "", CONTEXT + "1"):
            with pytest.raises(DamagedKey):
                await provider.unwrap(wrapped, context)

    async def test_a_changed_text_is_refused(self, provider: KeyProvider) -> None:
        wrapped = await provider.wrap(secrets.token_bytes(32), CONTEXT)
        for index, character in enumerate(wrapped):
            changed = wrapped[:index] + ("A" if character != "A" else "B") + wrapped[index + 1 :]
            with pytest.raises((DamagedKey, UnknownMasterKey)):
                await provider.unwrap(changed, CONTEXT)
        for text in ("", wrapped[:-4], wrapped[4:], wrapped * 2, "\x00", "é"):
            with pytest.raises((DamagedKey, UnknownMasterKey)):
                await provider.unwrap(text, CONTEXT)

    async def test_a_key_of_another_provider_is_unknown(self, provider: KeyProvider, stranger: KeyProvider) -> None:
        await provider.wrap(secrets.token_bytes(32), CONTEXT)
        wrapped = await stranger.wrap(secrets.token_bytes(32), CONTEXT)
        with pytest.raises(UnknownMasterKey):
            await provider.unwrap(wrapped, CONTEXT)

    async def test_a_lost_provider_is_unavailable_until_it_is_back(self, provider: KeyProvider) -> None:
        key = secrets.token_bytes(32)
        wrapped = await provider.wrap(key, CONTEXT)
        async with self.lost(provider):
            with pytest.raises(Unavailable):
                await provider.unwrap(wrapped, CONTEXT)
        assert await provider.unwrap(wrapped, CONTEXT) == key

    @needs("rotates")
    async def test_earlier_keys_still_unwrap_after_a_rotation(self, provider: Any) -> None:
        key = secrets.token_bytes(32)
        before = await provider.wrap(key, CONTEXT)
        [first] = await provider.master_keys()
        assert await provider.is_active(before)
        second = await provider.add_master_key()
        assert await provider.master_keys() == (first, second)
        assert not await provider.is_active(before)
        after = await provider.wrap(key, CONTEXT)
        assert await provider.is_active(after)
        assert second in after
        assert await provider.retire_master_keys() == (first,)
        assert await provider.retire_master_keys() == ()
        assert await provider.master_keys() == (second,)
        assert [await provider.unwrap(one, CONTEXT) for one in (before, after)] == [key, key]
        assert await provider.is_active(await provider.wrap(key, CONTEXT))

    @needs("rotates")
    async def test_a_lost_provider_is_not_rotated(self, provider: Any) -> None:
        wrapped = await provider.wrap(secrets.token_bytes(32), CONTEXT)
        before = await provider.master_keys()
        async with self.lost(provider):
            with pytest.raises(Unavailable):
                await provider.master_keys()
            with pytest.raises(Unavailable):
                await provider.add_master_key()
            with pytest.raises(Unavailable):
                await provider.retire_master_keys()
            with pytest.raises(Unavailable):
                await provider.is_active(wrapped)
        assert await provider.master_keys() == before

    @needs("shared")
    async def test_many_first_uses_at_once_make_one_master_key(self, provider: KeyProvider) -> None:
        key = secrets.token_bytes(32)
        others = [self.another(provider) for _ in range(8)]
        wrapped = await asyncio.gather(*(one.wrap(key, CONTEXT) for one in others))
        assert [await provider.unwrap(one, CONTEXT) for one in wrapped] == [key] * len(others)

    @needs("shared")
    async def test_another_process_knows_a_new_master_key_at_once(self, provider: Any) -> None:
        other: Any = self.another(provider)
        key = secrets.token_bytes(32)
        assert await other.unwrap(await provider.wrap(key, CONTEXT), CONTEXT) == key
        if self.rotates:
            await provider.add_master_key()
            assert await other.unwrap(await provider.wrap(key, CONTEXT), CONTEXT) == key
            assert await provider.is_active(await other.wrap(key, CONTEXT))
