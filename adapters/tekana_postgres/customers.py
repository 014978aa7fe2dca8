"""Reading customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Select, case, select, true

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import Caller
from tekana.domain.customer import Customer, contacts
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.policy import access_of
from tekana.domain.wallet import Wallet
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page, PageRequest
from tekana_postgres import tables
from tekana_postgres.connections import ConnectionPool, fetch, raw_connection
from tekana_postgres.customer_data import INDEX_COLUMNS, whole_customer
from tekana_postgres.pages import id_cursor, limit_literal, literal_value, page_of
from tekana_postgres.rows import CUSTOMER_COLUMNS, WALLET_COLUMNS, wallet_of

_CUSTOMER = f"""
SELECT {", ".join(f"c.{name}" for name in CUSTOMER_COLUMNS)}, d.key, d.details
FROM customers c LEFT JOIN customer_details d ON d.id = c.id
WHERE c.id = $1 AND c.tenant = coalesce($2, c.tenant) AND c.id = coalesce($3, c.id)
"""
_WALLETS = f"SELECT {', '.join(WALLET_COLUMNS)} FROM wallets WHERE customer_id = ANY($1) ORDER BY created_at, id"


class PostgresCustomers:
    """Implements tekana.ports.customers.Customers."""

    def __init__(self, pool: ConnectionPool, vault: CustomerVault, caller: Caller) -> None:
        self._pool = pool
        self._vault = vault
        self._access = access_of(caller)

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(_CUSTOMER, customer_id, *self._access)
            if row is None:
                raise CustomerNotFound(f"no customer has the id {customer_id}")
            return (await _with_wallets(connection, [await whole_customer(self._vault, row)]))[0]

    async def list(
        self, which: CustomerFilter, page: PageRequest, newest_first: bool = False
    ) -> Page[CustomerWithWallets]:
        table = tables.customers
        query = _with_details(by_contact=which.by_contact).limit(limit_literal(page.limit + 1))
        if self._access.tenant is not None:
            query = query.where(table.c.tenant == literal_value(self._access.tenant))
        if self._access.customer_id is not None:
            query = query.where(table.c.id == self._access.customer_id)
        if which.status is not None:
            query = query.where(table.c.status == literal_value(which.status))
        for contact in contacts(which.email, which.phone_number, which.external_id):
            query = query.where(
                tables.customer_details.c[INDEX_COLUMNS[contact.field]] == await self._vault.index(contact)
            )
        query = _in_order(query, id_cursor(page), by_contact=which.by_contact, newest_first=newest_first)
        async with raw_connection(self._pool) as connection:
            found = [await whole_customer(self._vault, row) for row in await fetch(connection, query)]
            return page_of(await _with_wallets(connection, found), page, lambda one: str(one.customer.id))


def _with_details(*, by_contact: bool) -> Select[Any]:
    """Return the query of customers with their details.

    Without a contact, the details are found one by one: a merge join would walk all of them up to the page.
    """
    table, details = tables.customers, tables.customer_details
    if by_contact:
        return select(table, details.c.key, details.c.details).join_from(table, details, details.c.id == table.c.id)
    own = select(details.c.key, details.c.details).where(details.c.id == table.c.id).limit(limit_literal(1)).lateral()
    return select(table, own.c.key, own.c.details).select_from(table.outerjoin(own, true()))


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
