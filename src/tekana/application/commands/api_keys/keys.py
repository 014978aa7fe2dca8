"""What commands about API keys share: they find a key that the caller may manage, and keep a changed one."""

from __future__ import annotations

from typing import ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.api_keys import API_KEYS, ApiKey, api_key_not_found
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.identifiers import ApiKeyId
from tekana.domain.lock_set import LockSet
from tekana.domain.policy import can_manage_key


class KeyCommand(Struct, frozen=True, kw_only=True):
    """The base of commands about an API key."""

    SCOPE: ClassVar[Scope] = "keys:write"
    IDS: ClassVar[tuple[str, ...]] = ("key_id",)

    key_id: ApiKeyId

    def locks(self) -> LockSet:
        return LockSet(others=(API_KEYS.ref(self.key_id),))


def managed_key(book: Book, key_id: ApiKeyId) -> ApiKey:
    """Return a locked key that the caller may manage. Raises ApiKeyNotFound."""
    key = book.locked.of(API_KEYS).get(key_id)
    if key is None or not can_manage_key(book.caller, key.tenant, key.kind):
        raise api_key_not_found(key_id)
    return key


def keep_changed(book: Book, key: ApiKey) -> ApiKey:
    """Have the key saved in place of the one that was locked, and return what is shown of it."""
    book.locked.of(API_KEYS)[key.id] = key
    book.change(API_KEYS, key.id, key)
    return key.without_hashes()
