"""Data keys, as a store keeps them: wrapped with a master key. `tekana.ports.key_provider` unwraps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, NewType, Protocol, runtime_checkable
from uuid import UUID

from tekana.ports.store import Store

DataKeyId = NewType("DataKeyId", UUID)


class WrappedDataKey(NamedTuple):
    """A data key as it is stored.

    Attributes:
        id: its id.
        purpose: what it encrypts or signs, such as `webhook-secrets`.
        wrapped: the key, encrypted by the key provider.
        created_at: when it was added.
        retired_at: since when a newer key of the purpose is used; None for the current one.
    """

    id: DataKeyId
    purpose: str
    wrapped: str
    created_at: datetime
    retired_at: datetime | None = None


class WrappedDataKeys(Protocol):
    """The data keys of a store. Safe for many tasks and processes at once. Every method may raise Unavailable.

    A purpose has one current key at most. Keys are never removed, as what they encrypted may still be there.
    """

    async def add(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
        """Add the current key of a purpose, durably, unless the purpose has one. Of many calls at once, one adds.

        Returns:
            The current key of the purpose: this one, or the one that was there.
        """
        ...

    async def rotate(self, key_id: DataKeyId, purpose: str, wrapped: str) -> WrappedDataKey:
        """Retire the current key of a purpose, and add this one in its place, durably and in one.

        Returns:
            The new current key.
        """
        ...

    async def list(self) -> Sequence[WrappedDataKey]:
        """Return all keys, in the order of their ids."""
        ...

    async def replace_wrapped(self, key_id: DataKeyId, before: str, after: str) -> bool:
        """Replace the text of a wrapped key, durably, if it is still `before`. Return whether it was."""
        ...


@runtime_checkable
class DataKeyStore(Store, Protocol):
    """A store that keeps data keys. Not every store has to."""

    @property
    def data_keys(self) -> WrappedDataKeys:
        """The data keys."""
        ...
