"""The audit log: its rows, the reader, and the records of what happens outside units of work."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import asyncpg
import msgspec

from tekana.domain.audit_log import AuditEntry, AuditValue
from tekana.domain.caller import Caller
from tekana.domain.policy import access_of
from tekana.ports.audit_log import ALL_ENTRIES, AuditFilter
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.pages import id_cursor, page_of
from tekana_postgres.rows import write_json

COLUMNS: Final = (
    *("id", "at", "tenant", "subject", "kind", "action", "outcome", "code", "resource", "resource_id", "request_id"),
    *("address", "personal_fields", "occurrences", "before", "after"),
)
_plain_values: Any = attrgetter(*COLUMNS[:-2])
_parameters: Final = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
_INSERT: Final = f"INSERT INTO audit_log ({', '.join(COLUMNS)}) VALUES ({_parameters})"
_INSERT_NOW: Final = _INSERT.replace("$2,", "coalesce($2, now()),") + " ON CONFLICT (id) DO NOTHING"

# In the text of the statement, so that all its plans are made for the value: refusals are rare.
_OUTCOMES: Final = {None: "true", "done": "outcome = 'done'", "refused": "outcome = 'refused'"}

_decode_fields = msgspec.json.Decoder(dict[str, AuditValue]).decode


class PostgresAuditLog:
    """Implements tekana.ports.audit_log.AuditLog. Never reads from a replica, which may lag behind."""

    def __init__(self, pool: ConnectionPool, caller: Caller) -> None:
        self._pool = pool
        self._access = access_of(caller)

    async def list(
        self, page: PageRequest, which: AuditFilter = ALL_ENTRIES, newest_first: bool = False
    ) -> Page[AuditEntry]:
        after = id_cursor(page)
        if self._access.customer_id is not None:
            return Page((), None)
        # Only what is given is in the statement, so that PostgreSQL chooses the index for that.
        conditions = {
            "tenant =": self._access.tenant,
            "subject =": which.subject,
            "action =": which.action,
            "resource_id =": which.resource_id,
            "at >=": which.start,
            "at <": which.end,
            "id <" if newest_first else "id >": after,
        }
        given = {one: value for one, value in conditions.items() if value is not None}
        where = " AND ".join([*(f"{one} ${number}" for number, one in enumerate(given, 1)), _OUTCOMES[which.outcome]])
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT {', '.join(COLUMNS)} FROM audit_log WHERE {where} ORDER BY id {order} LIMIT {page.limit + 1}"
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(query, *given.values())
        return page_of([entry_of(row) for row in rows], page, lambda one: str(one.id))


class PostgresAuditRecords:
    """Implements tekana.ports.audit_log.AuditRecords."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None) -> None:
        self._pool = pool
        self._clock = clock

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        now = None if self._clock is None else self._clock()
        rows = [_row(one) for one in entries]
        async with raw_connection(self._pool) as connection:
            await connection.executemany(_INSERT_NOW, [(row[0], now, *row[2:]) for row in rows])


async def save_entries(connection: asyncpg.Connection, entries: Sequence[AuditEntry]) -> None:
    """Insert the entries of a unit of work, in its transaction."""
    await connection.executemany(_INSERT, [_row(one) for one in entries])


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    return (*_plain_values(entry), write_json(entry.before), write_json(entry.after))


def entry_of(row: asyncpg.Record) -> AuditEntry:
    values = dict(row.items())
    for name in ("before", "after"):
        values[name] = None if values[name] is None else _decode_fields(values[name])
    return AuditEntry(**{**values, "personal_fields": tuple(values["personal_fields"])})
