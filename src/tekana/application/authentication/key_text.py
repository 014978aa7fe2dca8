"""The text of an API key, `tk_<id>_<secret>`: the id and 32 random bytes, both in hexadecimal."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from tekana.domain.identifiers import ApiKeyId

PREFIX: Final = "tk_"
"""The beginning of every API key; other tokens have another."""

SECRET_BYTES: Final = 32

_FORM: Final = re.compile(r"tk_([0-9a-f]{32})_([0-9a-f]{64})", re.ASCII)


class KeySecret(NamedTuple):
    """A new secret of a key.

    Attributes:
        text: the text of the key, which only its user has.
        digest: the SHA-256 of the secret in hexadecimal, which commands have.
    """

    text: str
    digest: str


def make_secret(key_id: ApiKeyId) -> KeySecret:
    """Make a new secret for the key with this id."""
    secret = secrets.token_bytes(SECRET_BYTES)
    return KeySecret(f"{PREFIX}{key_id.hex}_{secret.hex()}", sha256(secret).hexdigest())


def parse_key(text: str) -> tuple[ApiKeyId, str] | None:
    """Return the id in the text of a key and the digest of its secret; None for any other text."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return ApiKeyId(UUID(hex=found[1])), sha256(bytes.fromhex(found[2])).hexdigest()
