"""The key provider: keeps the master keys, which encrypt data keys. No master key leaves it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tekana.domain.errors import Unavailable


class UnknownMasterKey(Unavailable):
    """A data key was wrapped with a master key that the provider does not have. The message names it."""


class DamagedKey(Unavailable):
    """A wrapped data key was changed, or belongs to another context. Only a backup helps."""


@runtime_checkable
class KeyProvider(Protocol):
    """A provider of master keys. Built from a URL without I/O. Safe for many tasks at once.

    No message, log or `repr` contains a key.
    """

    @property
    def location(self) -> str:
        """The place of the master keys, for an operator, without secrets."""
        ...

    async def wrap(self, key: bytes, context: str) -> str:
        """Encrypt a data key with the active master key.

        Args:
            key: the data key.
            context: what the key is for. It is authenticated, not kept: `unwrap` needs the same.

        Returns:
            The wrapped key, as text that names the id of the master key. Two calls return different texts.

        Raises:
            Unavailable: the master keys cannot be reached.
        """
        ...

    async def unwrap(self, wrapped: str, context: str) -> bytes:
        """Decrypt a data key, with whichever master key it was wrapped.

        A master key that another process has added is known at once.

        Raises:
            Unavailable: the master keys cannot be reached.
            UnknownMasterKey: the provider does not have the master key.
            DamagedKey: the text was changed, or the context is another one.
        """
        ...


@runtime_checkable
class RotatesMasterKeys(KeyProvider, Protocol):
    """A key provider whose master key can be rotated from here. Optional."""

    async def master_keys(self) -> tuple[str, ...]:
        """Return the ids of the master keys that are not retired; the last one is active.

        Raises:
            Unavailable: the master keys cannot be reached.
        """
        ...

    async def add_master_key(self) -> str:
        """Add a master key, make it the active one, and return its id. The earlier ones still unwrap.

        Raises:
            Unavailable: the master keys cannot be reached or changed. Nothing was changed.
        """
        ...

    async def is_active(self, wrapped: str) -> bool:
        """Return whether a data key is wrapped with the active master key.

        Raises:
            Unavailable: the master keys cannot be reached.
            DamagedKey: the text is not one that `wrap` returned.
        """
        ...

    async def retire_master_keys(self) -> tuple[str, ...]:
        """Retire all master keys but the active one, and return their ids.

        A retired key wraps nothing any more. It still unwraps, for a backup of the database from before.

        Raises:
            Unavailable: the master keys cannot be reached or changed. Nothing was changed.
        """
        ...
