"""Reading transactions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Uuid

from tekana.domain.errors import TransactionNotFound
from tekana.domain.identifiers import CustomerId, TransactionId
from tekana.domain.transaction import Transaction
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana_postgres.connections import raw_connection, translated
from tekana_postgres.pages import id_cursor, page_of
from tekana_postgres.tables import transactions, wallets
from tekana_postgres.unit_of_work import read_transactions


class PostgresTransactions:
    """Implements tekana.ports.transactions.Transactions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, transaction_id: TransactionId) -> Transaction:
        async with raw_connection(self._engine) as connection:
            found = await read_transactions(connection, [transaction_id])
        if not found:
            raise TransactionNotFound(f"no transaction has the id {transaction_id}")
        return found[transaction_id]

    async def list(self, which: TransactionFilter, page: PageRequest) -> Page[Transaction]:
        conditions = _conditions(which, id_cursor(page))
        with translated():
            async with self._engine.connect() as connection:
                query = await _query(connection, which, conditions, page.limit + 1)
                ids = list((await connection.execute(query)).scalars())
                raw = (await connection.get_raw_connection()).driver_connection
                found = await read_transactions(raw, ids)
        return page_of([found[one] for one in ids], page, lambda transaction: str(transaction.id))


def _conditions(which: TransactionFilter, before: UUID | None) -> list[ColumnElement[bool]]:
    table = transactions.c
    wanted: list[tuple[object, ColumnElement[Any], Callable[[Any, Any], ColumnElement[bool]]]] = [
        (which.type, table.type, operator.eq),
        (which.status, table.status, operator.eq),
        (which.reference, table.reference, operator.eq),
        (which.start, table.created_at, operator.ge),
        (which.end, table.created_at, operator.lt),
        (before, table.id, operator.lt),
    ]
    return [compare(column, value) for value, column, compare in wanted if value is not None]


async def _query(
    connection: AsyncConnection, which: TransactionFilter, conditions: list[ColumnElement[bool]], count: int
) -> Select[Any]:
    theirs = [] if which.customer_id is None else await _wallets_of(connection, which.customer_id)
    if which.wallet_id is None and which.customer_id is None:
        return _newest(select(transactions.c.id), conditions, count)
    if which.wallet_id is None:
        return _of_wallets(theirs, conditions, count)
    if which.customer_id is not None:
        sides = (transactions.c.from_wallet_id, transactions.c.to_wallet_id)
        conditions = [*conditions, or_(*(side.in_(theirs) for side in sides))]
    return _of_wallets([which.wallet_id], conditions, count)


def _newest(query: Select[Any], conditions: list[ColumnElement[bool]], count: int) -> Select[Any]:
    return query.where(*conditions).order_by(transactions.c.id.desc()).limit(count)


def _of_wallets(ids: list[UUID], conditions: list[ColumnElement[bool]], count: int) -> Select[Any]:
    """The newest of each wallet and side, by its index, and then the newest of those."""
    wallet = select(func.unnest(bindparam("ids", ids, type_=ARRAY(Uuid))).label("id")).subquery()
    sides = []
    for side in (transactions.c.from_wallet_id, transactions.c.to_wallet_id):
        newest = _newest(select(transactions.c.id).where(side == wallet.c.id), conditions, count).lateral()
        sides.append(select(newest.c.id).select_from(wallet).join(newest, true()))
    both = union(*sides).subquery()
    return select(both.c.id).order_by(both.c.id.desc()).limit(count)


async def _wallets_of(connection: AsyncConnection, customer_id: CustomerId) -> list[UUID]:
    query = select(wallets.c.id).where(wallets.c.customer_id == customer_id)
    return list((await connection.execute(query)).scalars())
