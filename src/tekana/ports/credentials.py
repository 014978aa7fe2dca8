"""Stored credentials: the hashes that requests are authenticated with.

The hash of an API key's secret is `hash_secret(digest)`, where the digest is the SHA-256 of the secret in hexadecimal,
and `hash_secret` is keyed with a secret of the installation.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from tekana.domain.api_keys import ApiKey
from tekana.domain.identifiers import ApiKeyId

USE_RECORDED_EVERY: Final = timedelta(minutes=1)
"""How often the use of a key is recorded at most."""


class KnownKey(NamedTuple):
    """A key with its hashes, and the time of reading by the store's clock."""

    key: ApiKey
    at: datetime


class Credentials(Protocol):
    """The credentials as last saved, of all tenants. Safe for many tasks at once. Every method may raise Unavailable.

    Never read from a replica, which may still have a key that is revoked.
    """

    async def find(self, key_id: ApiKeyId) -> KnownKey | None:
        """Return a key, also an inactive one; None if there is none."""
        ...

    async def record_use(self, key_id: ApiKeyId) -> None:
        """Set `last_used_at` to now, unless that was done within USE_RECORDED_EVERY."""
        ...
