"""Reading customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Select, case, select, true

from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import Caller
from tekana.domain.customer import Customer
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.policy import access_of
from tekana.domain.wallet import Wallet
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page, PageRequest
from tekana_postgres import tables
from tekana_postgres.connections import ConnectionPool, fetch, raw_connection
from tekana_postgres.pages import id_cursor, limit_literal, literal_value, page_of
from tekana_postgres.rows import CUSTOMER_COLUMNS, WALLET_COLUMNS, customer_of, wallet_of

_CUSTOMER = f"""
SELECT {", ".join(CUSTOMER_COLUMNS)} FROM customers
WHERE id = $1 AND tenant = coalesce($2, tenant) AND id = coalesce($3, id)
"""
_WALLETS = f"SELECT {', '.join(WALLET_COLUMNS)} FROM wallets WHERE customer_id = ANY($1) ORDER BY created_at, id"


class PostgresCustomers:
    """Implements tekana.ports.customers.Customers."""

    def __init__(self, pool: ConnectionPool, caller: Caller) -> None:
        self._pool = pool
        self._access = access_of(caller)

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_CUSTOMER, customer_id, *self._access)
            if row is None:
                raise CustomerNotFound(f"no customer has the id {customer_id}")
            return (await _with_wallets(connection, [customer_of(row)]))[0]

    async def list(
        self, which: CustomerFilter, page: PageRequest, newest_first: bool = False
    ) -> Page[CustomerWithWallets]:
        table = tables.customers
        query = select(table).limit(limit_literal(page.limit + 1))
        if self._access.tenant is not None:
            query = query.where(table.c.tenant == literal_value(self._access.tenant))
        if self._access.customer_id is not None:
            query = query.where(table.c.id == self._access.customer_id)
        for name, value in which._asdict().items():
            if value is not None:
                query = query.where(table.c[name] == (literal_value(value) if name == "status" else value))
        query = _in_order(query, id_cursor(page), by_contact=which.by_contact, newest_first=newest_first)
        async with raw_connection(self._pool) as connection:
            found = [customer_of(row) for row in await fetch(connection, query)]
            return page_of(await _with_wallets(connection, found), page, lambda one: str(one.customer.id))


def _in_order(query: Select[Any], after: UUID | None, *, by_contact: bool, newest_first: bool) -> Select[Any]:
    """Order by id, or with a contact, the open customer first, and begin after a customer."""
    table = tables.customers
    order = table.c.id.desc() if newest_first else table.c.id.asc()
    is_after = true() if after is None else table.c.id < after if newest_first else table.c.id > after
    if not by_contact:
        return query.order_by(order).where(is_after)
    closed = case((table.c.status == literal_value("closed"), 1), else_=0)
    query = query.order_by(closed, order)
    if after is None:
        return query
    last = table.alias("last")
    last_closed = select(case((last.c.status == literal_value("closed"), 1), else_=0)).where(last.c.id == after)
    begin = last_closed.scalar_subquery()
    return query.where((closed > begin) | ((closed == begin) & is_after))


async def _with_wallets(connection: asyncpg.Connection, customers: Sequence[Customer]) -> Sequence[CustomerWithWallets]:
    wallets: dict[CustomerId, list[Wallet]] = defaultdict(list)
    for row in await connection.fetch(_WALLETS, [customer.id for customer in customers]):
        wallets[row["customer_id"]].append(wallet_of(row))
    return [CustomerWithWallets(customer, tuple(wallets[customer.id])) for customer in customers]
