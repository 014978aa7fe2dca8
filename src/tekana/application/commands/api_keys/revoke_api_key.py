"""Revoke an API key: it is not valid any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.api_keys.keys import KeyCommand, keep_changed, managed_key
from tekana.domain.api_keys import ApiKey
from tekana.domain.book import Book
from tekana.domain.errors import ApiKeyNotFound, Refused


class RevokeApiKey(KeyCommand, frozen=True, kw_only=True):
    """Revoke an API key, permanently. One that is revoked already stays as it is."""

    NAME: ClassVar[str] = "RevokeApiKey"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (ApiKeyNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def decide(self, book: Book) -> ApiKey:
        key = managed_key(book, self.key_id)
        return key.without_hashes() if key.revoked_at is not None else keep_changed(book, key.revoke(book.now))
