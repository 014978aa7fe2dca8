"""The audit log: the reader, and the records of what happens outside units of work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from msgspec import json

from tekana import Caller, Page, PageRequest
from tekana.domain.audit_log import AuditEntry
from tekana.domain.errors import invalid
from tekana.domain.policy import can_access
from tekana.ports.audit_log import ALL_ENTRIES, AuditFilter
from tekana.ports.clock import Clock

from .database import Database

entry_of = json.Decoder(AuditEntry).decode


class SqliteAuditLog:
    """Implements tekana.ports.audit_log.AuditLog."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def list(
        self, page: PageRequest, which: AuditFilter = ALL_ENTRIES, newest_first: bool = False
    ) -> Page[AuditEntry]:
        rows = self._database.rows
        if page.cursor is not None and not rows("SELECT 1 FROM audit_log WHERE id = ?", page.cursor):
            raise invalid("cursor", "must be a cursor that this list returned, unchanged")
        statement = "SELECT body FROM audit_log WHERE ? IS NULL OR id > ? ORDER BY id"
        if newest_first:
            statement = "SELECT body FROM audit_log WHERE ? IS NULL OR id < ? ORDER BY id DESC"
        entries = (entry_of(body) for [body] in rows(statement, page.cursor, page.cursor))
        visible = (one for one in entries if can_access(self._caller, one.tenant) and which.matches(one))
        found = list(islice(visible, page.limit + 1))
        items = tuple(found[: page.limit])
        return Page(items, str(items[-1].id) if len(found) > page.limit else None)


class SqliteAuditRecords:
    """Implements tekana.ports.audit_log.AuditRecords. `turn` is the lock of the connection that writes."""

    def __init__(self, database: Database, turn: asyncio.Lock, clock: Clock) -> None:
        self._database = database
        self._turn = turn
        self._clock = clock

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        async with self._turn:
            await self._database.execute_with_retries("BEGIN IMMEDIATE")
            try:
                save_entries(self._database, [replace(one, at=self._clock()) for one in entries])
                self._database.rows("COMMIT")
            finally:
                self._database.roll_back()


def save_entries(database: Database, entries: Iterable[AuditEntry]) -> None:
    """Insert entries, in the transaction that has begun."""
    for one in entries:
        database.rows("INSERT INTO audit_log VALUES (?, ?) ON CONFLICT DO NOTHING", one.id, json.encode(one).decode())
