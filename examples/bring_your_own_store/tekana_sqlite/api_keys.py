"""API keys: the reader, and the credentials that requests are authenticated with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import json

from tekana import ApiKey, ApiKeyId, Caller, Page, PageRequest
from tekana.domain.api_keys import api_key_not_found
from tekana.domain.errors import invalid
from tekana.domain.policy import can_manage_key
from tekana.ports.clock import Clock
from tekana.ports.credentials import USE_RECORDED_EVERY, KnownKey

from .database import Database

_key_of = json.Decoder(ApiKey).decode


class SqliteApiKeys:
    """Implements tekana.ports.api_keys.ApiKeys."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def get(self, key_id: ApiKeyId) -> ApiKey:
        for key in _read_keys(self._database, "id = ?", key_id):
            if can_manage_key(self._caller, key.tenant, key.kind):
                return key.without_hashes()
        raise api_key_not_found(key_id)

    async def list(self, page: PageRequest) -> Page[ApiKey]:
        if page.cursor is not None and not _read_keys(self._database, "id = ?", page.cursor):
            raise invalid("cursor", "must be a cursor that this list returned, unchanged")
        after = _read_keys(self._database, "id > ?", page.cursor or "")
        found = [one for one in after if can_manage_key(self._caller, one.tenant, one.kind)]
        items = tuple([one.without_hashes() for one in found[: page.limit]])
        return Page(items, str(items[-1].id) if len(found) > page.limit else None)


class SqliteCredentials:
    """Implements tekana.ports.credentials.Credentials. `turn` is the lock of the connection that writes."""

    def __init__(self, reader: Database, writer: Database, turn: asyncio.Lock, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = turn
        self._clock = clock

    async def find(self, key_id: ApiKeyId) -> KnownKey | None:
        found = _read_keys(self._reader, "id = ?", key_id)
        return KnownKey(found[0], self._clock()) if found else None

    async def record_use(self, key_id: ApiKeyId) -> None:
        known = await self.find(key_id)
        if known is None:
            return
        last = known.key.last_used_at
        if last is None or known.at - last >= USE_RECORDED_EVERY:
            async with self._turn:
                statement = "UPDATE api_keys SET last_used_at = ? WHERE id = ?"
                self._writer.rows(statement, known.at.isoformat(), key_id)


def _read_keys(database: Database, condition: str, value: object) -> Sequence[ApiKey]:
    """Return the keys that meet a condition, in order of ids."""
    statement = f"SELECT body, last_used_at FROM api_keys WHERE {condition} ORDER BY id"  # noqa: S608 - constants
    return [
        replace(_key_of(body), last_used_at=None if used is None else datetime.fromisoformat(used))
        for body, used in database.rows(statement, value)
    ]
