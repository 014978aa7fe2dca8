"""Saving what was decided: one statement that updates balances and adds to the tables that only grow.

It takes one round trip, where COPY takes two for each table, and a round trip costs as much as a hundred rows. Columns
that have the same value in all rows, as most have, are sent as one value: that is less to encode and to decode. For
the thousand rows of a batch, COPY takes less of PostgreSQL's time all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count, islice
from typing import Any, Final

import asyncpg
from sqlalchemy import Table, Uuid
from sqlalchemy.dialects.postgresql import dialect

from tekana.domain.errors import Conflict
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import Wallet
from tekana_postgres import tables
from tekana_postgres.aggregates.wallet import RowVersion
from tekana_postgres.arrays import ctid_array, integer_array, text_array, uuid_array
from tekana_postgres.history import COLUMNS, History, Rows
from tekana_postgres.history_links import LINK_COLUMNS, Link
from tekana_postgres.rows import write_usage

# The columns of a bundle are sent as one value each if each has the same value in all rows. There are few bundles, as
# each combination of them is a statement of its own, which PostgreSQL has to plan.
_BUNDLES: Final[dict[Table, tuple[frozenset[str], ...]]] = {
    tables.idempotency_keys: (frozenset({"answer"}),),
    tables.transactions: (
        frozenset({"type", "status", "currency", "created_by", "created_at", "posted_at", "tenant"}),
        frozenset({"description", "reference"}),
        frozenset({"metadata", "rejection", "effective_at", "details", "relation", "relates_to"}),
    ),
    tables.entries: (frozenset({"currency", "posted_at"}),),
    tables.outbox: (frozenset({"event_type", "event"}),),
    tables.customer_answers: (),
}
TRANSACTIONS_MAX: Final = 500
"""The rows of more transactions are written by COPY, after the balances."""

_TABLES: Final = tuple(_BUNDLES)  # in the order of a History, without the audit log, whose rows are inserted before

_Shape = tuple[frozenset[str] | None, ...]
"""For each table the names of the columns that are sent as one value; None for a table without new rows."""

# A row that was read keeps its ctid and its xmin until another transaction changes it, whether it is locked or not. So
# it is found by its ctid without another look into the index, and a row that was changed meanwhile is not found, not
# even by a statement that waited for the change. Then the statement fails, and nothing is saved. The id is compared as
# well: VACUUM FULL and CLUSTER move rows that were read without locks, and leave their xmin, which many rows share.
#
# And as the wallets are locked from here on, each aggregate's events stand in order: rows of the outbox take positions
# after the mark; see tekana_postgres.events.
_UPDATE: Final = """
WITH updated AS (
    UPDATE wallets w SET ledger_balance = d.ledger_balance, version = d.version, sequence = d.sequence,
        usage = d.usage, updated_at = {updated_at}
    FROM unnest($1::text::tid[], $2::text::xid[], $3::text::bigint[], $4::text::bigint[], $5::text::bigint[],
        $8::text::uuid[], $9::text::text[]{more})
        AS d (row_id, row_version, ledger_balance, version, sequence, id, usage{more_names})
    WHERE w.ctid = d.row_id AND w.xmin = d.row_version AND w.id = d.id
    RETURNING 1
), marked AS MATERIALIZED (SELECT count(*) AS updated, tekana_mark_position() FROM updated)"""
_AT_ONE_MOMENT: Final = _UPDATE.format(updated_at="$6::timestamptz", more="", more_names="")
_AT_MANY: Final = _UPDATE.format(updated_at="d.updated_at", more=", $6::timestamptz[]", more_names=", updated_at")
_FAIL_UNLESS_ALL: Final = "SELECT 1 / (updated = $7::bigint)::int FROM marked"
_UPDATE_PARAMETERS: Final = 9

_LINK_PARAMETERS: Final = 10
_INSERT_LINK: Final = f"""
new_link AS (
    INSERT INTO history_links ({LINK_COLUMNS}) VALUES ({"${}, " * _LINK_PARAMETERS}{{positions}})
)"""
_EVENT_POSITIONS: Final = "(SELECT array_agg(position ORDER BY position) FROM new_outbox WHERE transaction_id IS NULL)"


async def save_balances_and_history(
    connection: asyncpg.Connection,
    history: History,
    wallets: Sequence[Wallet],
    versions: Mapping[WalletId, RowVersion],
    link: Link | None,
) -> None:
    """Insert the history and its link, and update the balances of wallets.

    The wallets are in order of ids, so that no two units deadlock.

    Raises:
        Conflict: a wallet is not as it was read.
    """
    moments = [one.updated_at for one in wallets]
    is_one_moment = bool(wallets) and _is_same(moments)  # unless a clock was set back
    arguments: list[Any] = [
        ctid_array([versions[one.id].ctid for one in wallets]),
        integer_array([versions[one.id].xmin for one in wallets]),
        integer_array([one.ledger_balance for one in wallets]),
        integer_array([one.version for one in wallets]),
        integer_array([one.sequence for one in wallets]),
        moments[0] if is_one_moment else moments,
        len(wallets),
        uuid_array([one.id for one in wallets]),
        text_array(["NULL" if one.usage is None else f'"{write_usage(one.usage)}"' for one in wallets]),
    ]
    # The positions of events, which the link has, are only known to the statement that inserts them.
    has_events = link is not None and bool(link.records.events)
    is_large = len(history.transactions) > TRANSACTIONS_MAX and not has_events
    shape: list[frozenset[str] | None] = []
    for table, rows in zip(_TABLES, history[:-1], strict=True):
        shape.append(_add_rows(table, rows, arguments) if rows and not is_large else None)
    if link is not None:
        arguments += link.row
    statement = _statement(tuple(shape), is_one_moment=is_one_moment, has_link=link is not None, has_events=has_events)
    try:
        await connection.execute(statement, *arguments)
    except asyncpg.DivisionByZeroError as error:
        raise Conflict("a wallet is no longer as it was read") from error
    if is_large:
        for table, rows in zip(_TABLES, history[:-1], strict=True):
            if rows:
                await connection.copy_records_to_table(table.name, records=rows, columns=COLUMNS[table])


def _add_rows(table: Table, rows: Rows, arguments: list[Any]) -> frozenset[str]:
    """Add a table's columns to the arguments, and return the names of those that are sent as one value."""
    columns = dict(zip(COLUMNS[table], zip(*rows, strict=True), strict=True))
    same: frozenset[str] = frozenset()
    for bundle in _BUNDLES[table]:
        if all(_is_same(columns[name]) for name in bundle):
            same |= bundle
    for name, column in columns.items():
        if name in same:
            arguments.append(column[0])
        elif isinstance(table.c[name].type, Uuid):
            arguments.append(text_array([one or "NULL" for one in column]))
        else:
            arguments.append(column)
    return same


@lru_cache
def _statement(shape: _Shape, *, is_one_moment: bool, has_link: bool, has_events: bool) -> str:
    parameters = count(_UPDATE_PARAMETERS + 1)
    inserts = []
    for table, same in zip(_TABLES, shape, strict=True):
        if same is not None:
            returned = " RETURNING position, transaction_id" if has_events and table is tables.outbox else ""
            inserts.append(f"new_{table.name} AS ({_insert(table, same, parameters)}{returned})")
    if has_link:
        numbers = islice(parameters, _LINK_PARAMETERS)
        inserts.append(_INSERT_LINK.format(*numbers, positions=_EVENT_POSITIONS if has_events else "NULL"))
    return ", ".join([_AT_ONE_MOMENT if is_one_moment else _AT_MANY, *inserts]) + f"\n{_FAIL_UNLESS_ALL}"


def _is_same(column: Sequence[Any]) -> bool:
    return column.count(column[0]) == len(column)


def _insert(table: Table, same: frozenset[str], parameters: Iterator[int]) -> str:
    names = COLUMNS[table]
    typed: dict[str, str] = {}
    for name in names:
        kind = table.c[name].type
        type_name = kind.compile(dialect()) + ("" if name in same else "[]")  # type: ignore[no-untyped-call]
        typed[name] = f"${next(parameters)}::{'text::' if isinstance(kind, Uuid) else ''}{type_name}"
    arrays = [name for name in names if name not in same]
    values = ", ".join(typed[name] if name in same else f"d.{name}" for name in names)
    # The outbox takes positions after the mark is set.
    marked = "marked, " if table is tables.outbox else ""
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} "
        f"FROM {marked}unnest({', '.join(typed[name] for name in arrays)}) AS d ({', '.join(arrays)})"
    )
