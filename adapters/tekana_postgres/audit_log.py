"""The audit log: its rows, the reader, and the records of what happens outside units of work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec

from tekana.domain.audit_log import AuditEntry, AuditValue
from tekana.domain.caller import Caller
from tekana.domain.policy import access_of
from tekana.ports.audit_log import ALL_ENTRIES, AuditFilter
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana_postgres import tables
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.history import COLUMNS, NOTHING, Rows, audit_row
from tekana_postgres.history_links import Chains, insert_link
from tekana_postgres.pages import id_cursor, page_of

AUDIT_COLUMNS: Final = ", ".join(COLUMNS[tables.audit_log])
_parameters: Final = ", ".join(f"${number}" for number in range(1, len(COLUMNS[tables.audit_log]) + 1))
_INSERT: Final = f"INSERT INTO audit_log ({AUDIT_COLUMNS}) VALUES ({_parameters})"
_INSERT_NEW: Final = f"{_INSERT} ON CONFLICT (id) DO NOTHING RETURNING encode(uuid_send(id), 'hex')"

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
        query = f"SELECT {AUDIT_COLUMNS} FROM audit_log WHERE {where} ORDER BY id {order} LIMIT {page.limit + 1}"
        async with raw_connection(self._pool) as connection:
            rows = await connection.fetch(query, *given.values())
        return page_of([entry_of(row) for row in rows], page, lambda one: str(one.id))


class PostgresAuditRecords:
    """Implements tekana.ports.audit_log.AuditRecords."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None, chains: Chains) -> None:
        self._pool = pool
        self._clock = clock
        self._chains = chains

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        async with raw_connection(self._pool) as connection, audited_transaction(connection, self._chains) as new:
            now = await connection.fetchval("SELECT now()") if self._clock is None else self._clock()
            new.extend(replace(one, at=now) for one in entries)


@asynccontextmanager
async def audited_transaction(connection: asyncpg.Connection, chains: Chains) -> AsyncIterator[list[AuditEntry]]:
    """Begin a transaction, and commit it at the end of the context, with entries of the audit log and their link.

    For transactions that are no unit of work. An entry whose id is stored already stays as it is: it has its link.

    Args:
        connection: the connection, without a transaction.
        chains: the chains of the store.

    Yields:
        The list to add the entries to. Without any, the transaction has no link.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        entries: list[AuditEntry] = []
        yield entries
        rows = await _insert_new(connection, entries)
        link_time = max((one.at for one in entries), default=datetime.now(UTC))
        async with chains.link(NOTHING._replace(audit_log=rows), link_time) as link:
            if link is not None:
                await insert_link(connection, link)
            await transaction.commit()
    except Exception:
        with suppress(asyncpg.InterfaceError):  # the connection is closed, and the transaction with it
            await transaction.rollback()
        raise


async def _insert_new(connection: asyncpg.Connection, entries: Sequence[AuditEntry]) -> Rows:
    """Insert the entries that are not stored yet, and return their rows as they were sent."""
    rows = [audit_row(one) for one in entries]
    if not rows:
        return rows
    new = {row[0] for row in await connection.fetchmany(_INSERT_NEW, rows)}
    return [row for row in rows if row[0] in new]


async def save_audit_rows(connection: asyncpg.Connection, rows: Rows) -> None:
    """Insert the entries of a unit of work, in its transaction."""
    await connection.executemany(_INSERT, rows)


def entry_of(row: asyncpg.Record) -> AuditEntry:
    values = dict(row.items())
    for name in ("before", "after"):
        values[name] = None if values[name] is None else _decode_fields(values[name])
    return AuditEntry(**{**values, "personal_fields": tuple(values["personal_fields"])})
