"""The reader of API keys."""

from __future__ import annotations

from typing import Protocol

from tekana.domain.api_keys import ApiKey
from tekana.domain.identifiers import ApiKeyId
from tekana.ports.page import Page, PageRequest


class ApiKeys(Protocol):
    """The API keys that a caller may manage (`tekana.domain.policy.can_manage_key`), without the hashes of secrets.

    Every method may raise Unavailable.
    """

    async def get(self, key_id: ApiKeyId) -> ApiKey:
        """Return a key. Raises ApiKeyNotFound."""
        ...

    async def list(self, page: PageRequest) -> Page[ApiKey]:
        """Return a page of the keys, by id: in order of creation. Raises InvalidRequest for a bad cursor."""
        ...
