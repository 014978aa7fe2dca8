"""Rotate an API key: it gets a new secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.api_keys.keys import KeyCommand, keep_changed, managed_key
from tekana.application.commands.api_keys.validation import DIGEST_EXAMPLE, check_digest
from tekana.domain.api_keys import ApiKey
from tekana.domain.book import Book
from tekana.domain.errors import ApiKeyNotActive, ApiKeyNotFound, GrantForbidden, Refused
from tekana.domain.policy import require_grantable


class RotateApiKey(KeyCommand, frozen=True, kw_only=True):
    """Give an API key a new secret, which the sender makes. The previous one is valid for ROTATION_OVERLAP.

    The sender can use the key afterwards, so the caller needs every right that the key has.

    Attributes:
        secret_digest: the SHA-256 of the new secret in hexadecimal; not part of the fingerprint.
    """

    NAME: ClassVar[str] = "RotateApiKey"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (ApiKeyNotFound, GrantForbidden, ApiKeyNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"secret_digest": DIGEST_EXAMPLE}

    secret_digest: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_digest(self.secret_digest)

    def fingerprinted(self) -> tuple[str, object]:
        """Return what fingerprints are made of: all but the digest, which a repeated request has anew."""
        return self.NAME, self.key_id

    def decide(self, book: Book) -> ApiKey:
        key = managed_key(book, self.key_id)
        require_grantable(book.caller, key.tenant, key.kind, key.scopes)
        key.require_active(book.now)
        return keep_changed(book, key.rotate(book.hash_secret(self.secret_digest), book.now))
