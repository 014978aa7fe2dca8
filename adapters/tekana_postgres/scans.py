"""Pages of lists in the order of ids, in a bounded time whatever the filter is.

Conditions that an index serves are part of the statement that finds the candidates of a page. Others, the filters, are
checked for one candidate after the other, for SCANNED_MAX of them at most: then the page ends, with fewer items than
its limit, and its cursor is the last candidate. So no filter needs an index of its own, which every transfer would have
to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import BindParameter, Text, TextClause, bindparam, text

from tekana.ports.page import Page, PageRequest
from tekana_postgres.connections import fetch
from tekana_postgres.pages import limit_literal, page_of

Item = TypeVar("Item")

SCANNED_MAX: Final = 5_000
"""The largest number of candidates that are read for a page."""

_FILTERED = """
SELECT {columns} FROM ({candidates}) c, LATERAL (SELECT * FROM {table} WHERE id = c.id LIMIT 1) t
WHERE {filters} ORDER BY c.id {order} LIMIT :wanted
"""
_LAST_CANDIDATE = "SELECT c.id FROM ({candidates}) c ORDER BY c.id {order} OFFSET :skipped LIMIT 1"


class Condition(NamedTuple):
    """A condition on a row `t`, and its parameters."""

    sql: str
    values: tuple[BindParameter[Any], ...]


class Candidates(NamedTuple):
    """A statement that finds ids of a table in the order of a list, at most `:count`, and its other parameters."""

    table: str
    sql: str
    values: Sequence[BindParameter[Any]]
    newest_first: bool


class Scan(NamedTuple):
    """The rows found, one more than the limit if there is a next page; else the last candidate, if there are more."""

    rows: Sequence[asyncpg.Record]
    last_id: UUID | None = None

    def page_of(self, items: Sequence[Item], page: PageRequest, cursor_of: Callable[[Item], str]) -> Page[Item]:
        """Build the page of these items, which are those of the rows."""
        found = page_of(items, page, cursor_of)
        return found if self.last_id is None else found._replace(next_cursor=str(self.last_id))


async def scan(
    connection: asyncpg.Connection, candidates: Candidates, filters: Sequence[Condition], limit: int, columns: str
) -> Scan:
    """Find the candidates of a page that pass the filters, in order.

    Args:
        connection: the connection to read from.
        candidates: all ids after the cursor.
        filters: the conditions that no index serves.
        limit: the largest number of items on the page.
        columns: the columns to return, of `c`, which has the id, or of the row `t`.
    """
    count = limit_literal(SCANNED_MAX if filters else limit + 1, "count")
    conditions = " AND ".join(one.sql for one in filters) or "true"
    values = [value for one in filters for value in one.values]
    found = _statement(_FILTERED, candidates, columns=columns, filters=conditions)
    found = found.bindparams(count, limit_literal(limit + 1, "wanted"), *values)
    if not filters:
        return Scan(await fetch(connection, found))
    last = _statement(_LAST_CANDIDATE, candidates).bindparams(count, limit_literal(SCANNED_MAX - 1, "skipped"))
    async with connection.transaction(isolation="repeatable_read", readonly=True):  # both see the same rows
        rows = await fetch(connection, found)
        if len(rows) > limit:
            return Scan(rows)
        more = await fetch(connection, last)
    return Scan(rows, more[0]["id"] if more else None)


def _statement(template: str, candidates: Candidates, **parts: str) -> TextClause:
    order = "DESC" if candidates.newest_first else "ASC"
    sql = template.format(table=candidates.table, candidates=candidates.sql, order=order, **parts)
    return text(sql).bindparams(*candidates.values)


def metadata_conditions(metadata: Mapping[str, str] | None) -> Iterator[Condition]:
    """Yield the conditions on the column `metadata`: numbers and booleans are compared as JSON has them."""
    for index, (name, value) in enumerate((metadata or {}).items()):
        names = f"metadata_name_{index}", f"metadata_value_{index}"
        values = bindparam(names[0], name, Text), bindparam(names[1], value, Text)
        yield Condition(f"t.metadata ->> :{names[0]} = :{names[1]}", values)
