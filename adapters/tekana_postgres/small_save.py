"""Saving a small unit of work in one statement.

A transfer that is alone waits for round trips to the database: COPY takes two for each table. A group of many is saved
by COPY all the same, which takes the least time for each row.
"""

from __future__ import annotations

from typing import Final

import asyncpg
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import dialect

from tekana_postgres import tables
from tekana_postgres.aggregates.wallet import MARK_POSITION, UPDATE_BALANCES, Balances
from tekana_postgres.history import COLUMNS, HISTORY_TABLES, History

TRANSACTIONS_MAX: Final = 8
"""A unit of work with more transactions is saved by COPY."""


async def save_in_one_statement(connection: asyncpg.Connection, history: History, balances: Balances) -> int:
    """Insert the history, update the balances, and return how many rows of wallets were updated."""
    values = [
        column
        for rows, table in zip(history, HISTORY_TABLES, strict=True)
        for column in (zip(*rows, strict=True) if rows else [()] * len(COLUMNS[table]))
    ]
    updated: int = await connection.fetchval(_STATEMENT, *balances, *values)
    return updated


def _statement() -> str:
    """Build the statement. The outbox takes positions after the mark is set: see tekana_postgres.events."""
    number = len(Balances._fields)
    inserts = []
    for table in HISTORY_TABLES:
        marked = "marked, " if table is tables.outbox else ""
        inserts.append(f"new_{table.name} AS ({_insert(table, number, marked)})")
        number += len(COLUMNS[table])
    return f"""
WITH updated AS ({UPDATE_BALANCES}), marked AS MATERIALIZED ({MARK_POSITION}), {", ".join(inserts)}
SELECT updated FROM marked
"""


def _insert(table: Table, first: int, marked: str) -> str:
    columns = COLUMNS[table]
    types = [table.c[name].type.compile(dialect()) for name in columns]  # type: ignore[no-untyped-call]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first + 1))
    names = ", ".join(columns)
    return f"INSERT INTO {table.name} ({names}) SELECT d.* FROM {marked}unnest({arrays}) AS d ({names})"


_STATEMENT: Final = _statement()
