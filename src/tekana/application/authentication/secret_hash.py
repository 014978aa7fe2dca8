"""The keyed hash under which the secret of an API key is stored."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from tekana.application.secrets.data_keys import DataKeys
from tekana.domain.errors import Unavailable

PURPOSE: Final = "api-keys"
"""The purpose of the data key that secrets are hashed with."""


def keyed_hash(key: bytes) -> Callable[[str], str]:
    """Return the function that hashes the digest of a secret: HMAC-SHA256 with this key, in hexadecimal."""

    def hash_secret(digest: str) -> str:
        return hmac.digest(key, bytes.fromhex(digest), "sha256").hex()

    return hash_secret


class SecretHasher:
    """Hashes the digests of secrets with a data key, which is read when it is first needed.

    Args:
        data_keys: returns the data keys, or raises that the store has none.
    """

    def __init__(self, data_keys: Callable[[], DataKeys]) -> None:
        self._data_keys = data_keys
        self._hash: Callable[[str], str] | None = None

    async def load(self) -> None:
        """Read the data key, so that `hash_loaded` succeeds.

        Raises:
            Unavailable: the store or the key provider cannot be reached.
            MissingAdapter: the store has no data keys.
        """
        if self._hash is None:
            self._hash = keyed_hash((await self._data_keys().current(PURPOSE)).value)

    async def hash(self, digest: str) -> str:
        """Return the hash. Raises as `load` does."""
        await self.load()
        return self.hash_loaded(digest)

    def hash_loaded(self, digest: str) -> str:
        """Return the hash, without I/O. Raises Unavailable before `load` has succeeded."""
        if self._hash is None:
            raise Unavailable("the data key for the secrets of API keys is not read yet")
        return self._hash(digest)
