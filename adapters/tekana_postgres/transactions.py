"""The reader of transactions, in the order of their ids.

An id begins with the time at which its transaction was created (first_transaction_id), so a period of time is a range
of ids. A page scans an index in the order of ids, from its first transaction to its last: the index of all, of rare
types and statuses only, of a reference, or of a wallet's entries. No index serves the filters by currency, amount and
metadata: see `scans`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args
from uuid import UUID

import asyncpg
from sqlalchemy import BindParameter, ColumnElement, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text, Uuid

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.caller import CUSTOMER_SUBJECT, MAIN_TENANT, Caller
from tekana.domain.errors import TransactionNotFound
from tekana.domain.hold_state import HoldStatus
from tekana.domain.identifiers import LAST_HOUSE_WALLET_ID, TransactionId, WalletId, first_transaction_id
from tekana.domain.policy import Access, access_of, visible_transaction
from tekana.domain.transaction import Transaction, TransactionStatus
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana_postgres.aggregates.transaction import read_transactions
from tekana_postgres.connections import ConnectionPool, fetch, raw_connection
from tekana_postgres.holds import shown_transactions
from tekana_postgres.key_records import ids_under_key
from tekana_postgres.pages import id_cursor, literal_value
from tekana_postgres.scans import Candidates, Condition, metadata_conditions, scan
from tekana_postgres.tables import wallets

_FROM_ALL = """
SELECT t.id FROM transactions t WHERE t.id >= :first AND t.id < :before {and_also} ORDER BY t.id {order} LIMIT :count
"""

# Holds in one state, through their own index: the others are in the same order, and may be many.
_FROM_HOLDS = """
SELECT t.id FROM holds h, LATERAL (SELECT * FROM transactions WHERE id = h.id LIMIT 1) t
WHERE h.status = :hold_status AND h.id >= :first AND h.id < :before {and_also} ORDER BY h.id {order} LIMIT :count
"""

# A wallet's entries are in the order of their transactions' ids, so the entries before each bound are found by binary
# search: entry `low` comes before the bound (0: no entry), entry `high` does not. LIMIT makes each step read one entry:
# for a plain join, the plan may read all of them in each step.
_FROM_WALLETS = """
WITH RECURSIVE search (wallet_id, bound, low, high) AS (
    SELECT id, bound, 0::bigint, version + 1
    FROM wallets, unnest(ARRAY[:first, :before]) bound WHERE id = ANY (:accessible)
    UNION ALL
    SELECT wallet_id, bound, CASE WHEN e.transaction_id < bound THEN e.version ELSE low END,
           CASE WHEN e.transaction_id < bound THEN high ELSE e.version END
    FROM search s, LATERAL (
        SELECT version, transaction_id FROM entries
        WHERE wallet_id = s.wallet_id AND version = (s.low + s.high) / 2 LIMIT 1
    ) e
    WHERE high - low > 1
), span (wallet_id, after, last) AS (
    SELECT wallet_id, max(low) FILTER (WHERE bound = :first), max(low) FILTER (WHERE bound = :before)
    FROM search GROUP BY wallet_id
)
SELECT id FROM ({arms}) found ORDER BY id {order} LIMIT :count
"""
# The other conditions are checked for one transaction at a time, behind LIMIT and OFFSET: a plan that began with them
# would read all transactions with a common reference.
_POSTED = """
SELECT nearest.id FROM span, LATERAL (
    SELECT t.id FROM entries e, LATERAL (SELECT * FROM transactions WHERE id = e.transaction_id LIMIT 1) t
    WHERE e.wallet_id = span.wallet_id AND e.version > span.after AND e.version <= span.last {and_also}
    ORDER BY e.version {order} LIMIT :count
) nearest
"""
_NOT_POSTED = """
SELECT nearest.id FROM unnest(:wallets) wallet (id), LATERAL (
    SELECT t.id FROM (
        SELECT * FROM transactions WHERE {side} = wallet.id AND status <> 'posted' AND id >= :first AND id < :before
        ORDER BY id {order} OFFSET 0
    ) t
    WHERE true {and_also} ORDER BY t.id {order} LIMIT :count
) nearest
"""
# What `visible_transaction` shows to a customer, whose wallets are `own`.
_VISIBLE_TO_CUSTOMER = f"""
(t.status <> 'rejected' AND (t.from_wallet_id = ANY (:own) OR t.to_wallet_id = ANY (:own))
    OR t.created_by = :subject
    OR t.status = 'rejected' AND NOT starts_with(t.created_by, '{CUSTOMER_SUBJECT}')
    AND CASE WHEN t.from_wallet_id <= '{LAST_HOUSE_WALLET_ID}' THEN t.to_wallet_id
        ELSE t.from_wallet_id END = ANY (:own))
"""
_IN_HOLD_STATUS = "EXISTS (SELECT FROM holds h WHERE h.id = t.id AND h.status = :hold_status)"
_OF_TENANT = "SELECT FROM transactions WHERE id = $1 AND tenant = $2"
# As `visible_transaction`, so that no further statement is sent for a transaction that the customer may not see: the
# time of the answer would say that it exists.
_OF_CUSTOMER = f"""
SELECT FROM transactions t WHERE id = $1 AND tenant = $2 AND (
    status = 'posted' AND EXISTS (SELECT FROM entries WHERE transaction_id = t.id AND wallet_id = ANY ($3))
    OR status = 'pending' AND (from_wallet_id = ANY ($3) OR to_wallet_id = ANY ($3))
    OR status = 'rejected' AND (
        created_by = $4
        OR NOT starts_with(created_by, '{CUSTOMER_SUBJECT}')
        AND CASE WHEN from_wallet_id <= '{LAST_HOUSE_WALLET_ID}' THEN to_wallet_id
            ELSE from_wallet_id END = ANY ($3)
    )
)
"""
_OWN_WALLETS = "SELECT id FROM wallets WHERE customer_id = $1"
_LOWEST, _HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)

_LONG_HISTORY = 1_000
"""The number of entries up to which a history is read as a whole, instead of the index of references."""


class PostgresTransactions:
    """Implements tekana.ports.transactions.Transactions."""

    def __init__(self, pool: ConnectionPool, vault: CustomerVault, caller: Caller) -> None:
        self._pool = pool
        self._vault = vault
        self._caller = caller
        self._access = access_of(caller)

    async def get(self, transaction_id: TransactionId) -> Transaction:
        async with raw_connection(self._pool) as connection:
            own = await _own_wallets(connection, self._caller)
            if await self._has_access(connection, transaction_id, own):
                stored = await read_transactions(connection, [transaction_id])
                for found in (await shown_transactions(connection, stored)).values():
                    visible = visible_transaction(self._caller, found, own)
                    if visible is not None:
                        return visible
        raise TransactionNotFound(f"no transaction has the id {transaction_id}")

    async def _has_access(
        self, connection: asyncpg.Connection, transaction_id: TransactionId, own: Sequence[WalletId]
    ) -> bool:
        tenant = self._access.tenant
        if tenant is None:
            return True
        if self._access.customer_id is None:
            return await connection.fetchrow(_OF_TENANT, transaction_id, tenant) is not None
        values = transaction_id, tenant, own, self._caller.subject
        return await connection.fetchrow(_OF_CUSTOMER, *values) is not None

    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        cursor = id_cursor(page)
        if self._access.customer_id is not None:
            if which.customer_id not in (None, self._access.customer_id):
                return Page((), None)
            which = which._replace(customer_id=self._access.customer_id)
        async with raw_connection(self._pool) as connection:
            own = await _own_wallets(connection, self._caller)
            under_key = None
            if which.idempotency_key is not None:
                under_key = await ids_under_key(connection, self._vault, self._caller, which.idempotency_key)
            scope = await _wallet_scope(connection, which, self._access)
            served, filters = _conditions(which, scope, self._caller, own)
            candidates = _candidates(which, served, cursor, scope, under_key, newest_first=newest_first)
            scanned = await scan(connection, candidates, filters, page.limit, "c.id")
            ids = [row["id"] for row in scanned.rows]
            found = await shown_transactions(connection, await read_transactions(connection, ids))
        shown = [visible_transaction(self._caller, found[one], own) for one in ids]
        return scanned.page_of([one for one in shown if one], page, lambda transaction: str(transaction.id))


async def _own_wallets(connection: asyncpg.Connection, caller: Caller) -> list[WalletId]:
    """Return the ids of the wallets of a caller who is a customer."""
    if caller.customer_id is None:
        return []
    return [row["id"] for row in await connection.fetch(_OWN_WALLETS, caller.customer_id)]


class _WalletScope(NamedTuple):
    """The wallets of a filter: transactions of one of `wallets`, and also of one of `others` unless that is None.

    Attributes:
        accessible: the number of entries of those of `wallets` that the caller has access to.
    """

    wallets: Sequence[UUID]
    accessible: Mapping[UUID, int]
    others: Sequence[UUID] | None = None

    @property
    def history(self) -> int:
        """The number of entries to look at."""
        return sum(self.accessible.values())


async def _wallet_scope(
    connection: asyncpg.Connection, which: TransactionFilter, access: Access
) -> _WalletScope | None:
    """Return the wallets of a filter; None for all. Of a wallet and a customer, the one with fewer entries leads."""
    if which.wallet_id is None and which.customer_id is None:
        return None
    named = [] if which.wallet_id is None else [which.wallet_id]  # which may not exist: a rejected one may name any
    of_wallet = await _versions(connection, wallets.c.id == which.wallet_id, access) if named else {}
    if which.customer_id is None:
        return _WalletScope(named, of_wallet)
    of_customer = await _versions(connection, wallets.c.customer_id == which.customer_id, access)
    if not named:
        return _WalletScope([*of_customer], of_customer)
    if which.wallet_id in of_customer:
        return _WalletScope(named, of_wallet)
    if access.customer_id is None and sum(of_wallet.values()) <= sum(of_customer.values()):
        return _WalletScope(named, of_wallet, [*of_customer])
    return _WalletScope([*of_customer], of_customer, named)


async def _versions(connection: asyncpg.Connection, condition: ColumnElement[bool], access: Access) -> dict[UUID, int]:
    """Return the number of entries of each of these wallets that the caller has access to."""
    query = select(wallets.c.id, wallets.c.version).where(condition)
    if access.tenant is not None:
        query = query.where(wallets.c.tenant == access.tenant, wallets.c.house.is_(None))
    if access.customer_id is not None:
        query = query.where(wallets.c.customer_id == access.customer_id)
    return {row["id"]: row["version"] for row in await fetch(connection, query)}


def _candidates(
    which: TransactionFilter,
    conditions: Sequence[Condition],
    cursor: UUID | None,
    scope: _WalletScope | None,
    under_key: Sequence[UUID] | None,
    *,
    newest_first: bool,
) -> Candidates:
    """Build the statement that finds the ids of a list from the cursor on, by the conditions that indexes serve."""
    values: list[BindParameter[Any]] = [*_span(which, cursor, newest_first=newest_first)]
    conditions = list(conditions)
    if scope is not None and scope.others is not None:
        conditions.append(_involving("others", scope.others))
    if under_key is not None:
        conditions.append(Condition("t.id = ANY (:under_key)", (bindparam("under_key", under_key, ARRAY(Uuid)),)))
    if _is_by_hold(which, scope):
        statement = _FROM_HOLDS
        values.append(literal_value(which.status or "", "hold_status"))
    elif scope is None:
        statement = _FROM_ALL
    elif under_key is not None or (which.reference is not None and scope.history > _LONG_HISTORY):
        statement = _FROM_ALL
        conditions.append(_involving("wallets", scope.wallets))
    else:
        statement = _FROM_WALLETS.replace("{arms}", " UNION ".join(_arms(which)))
        if which.status != "posted":
            values.append(bindparam("wallets", scope.wallets, ARRAY(Uuid)))
        values.append(bindparam("accessible", [*scope.accessible], ARRAY(Uuid)))
    and_also = "".join(f" AND {condition.sql}" for condition in conditions)
    values += [value for condition in conditions for value in condition.values]
    order = "DESC" if newest_first else "ASC"
    sql = statement.replace("{and_also}", and_also).replace("{order}", order)
    return Candidates("transactions", sql, values, newest_first)


def _conditions(
    which: TransactionFilter, scope: _WalletScope | None, caller: Caller, own: Sequence[WalletId]
) -> tuple[list[Condition], list[Condition]]:
    """Return the conditions that indexes serve, and the filters; with those of `visible_transaction`."""
    tenant, customer_id = access_of(caller)
    served, filters = [*_by_reference(which)], [*_filters(which)]
    # Without a scope, the index of a tenant serves its transactions; those of the main tenant are most of all.
    by_hold = _is_by_hold(which, scope)
    by_tenant = scope is None and not by_hold and tenant not in (None, MAIN_TENANT)
    # A wallet's holds and rejected transactions are in one index, and either may be many.
    by_status = scope is None or which.status == "posted"
    (filters if by_tenant or by_hold else served).extend(_by_type(which))
    (served if by_status and not (by_tenant or by_hold) else filters).extend(_by_status(which))
    if _is_hold_status(which.status) and not by_hold:
        filters.append(Condition(_IN_HOLD_STATUS, (literal_value(which.status or "", "hold_status"),)))
    if tenant is not None:
        of_tenant = Condition("t.tenant = :tenant", (literal_value(tenant, "tenant"),))
        (served if by_tenant or scope is not None else filters).append(of_tenant)
    if customer_id is not None:
        values = bindparam("own", own, ARRAY(Uuid)), bindparam("subject", caller.subject, Text)
        served.append(Condition(_VISIBLE_TO_CUSTOMER, values))
    return served, filters


def _is_hold_status(status: TransactionStatus | None) -> bool:
    """Return whether only holds are in this status, which is in their own table."""
    return status in get_args(HoldStatus)


def _is_by_hold(which: TransactionFilter, scope: _WalletScope | None) -> bool:
    """Return whether the index of holds by status leads a list."""
    others = (scope, which.reference, which.idempotency_key)
    return _is_hold_status(which.status) and all(one is None for one in others)


def _filters(which: TransactionFilter) -> Iterator[Condition]:
    """Yield the conditions that no index serves."""
    if which.currency is not None:
        yield Condition("t.currency = :currency", (literal_value(which.currency, "currency"),))
    for name, bound, comparison in (("least", which.amount_min, ">="), ("most", which.amount_max, "<=")):
        if bound is not None:
            values = literal_value(bound.currency, f"{name}_currency"), bindparam(name, bound.minor, BigInteger)
            yield Condition(f"t.currency = :{name}_currency AND t.amount {comparison} :{name}", values)
    yield from metadata_conditions(which.metadata)


def _by_type(which: TransactionFilter) -> Iterator[Condition]:
    if which.type is not None:
        yield Condition("t.type = :type", (literal_value(which.type, "type"),))


def _by_status(which: TransactionFilter) -> Iterator[Condition]:
    if which.status is not None:
        stored = "pending" if _is_hold_status(which.status) else which.status
        yield Condition("t.status = :status", (literal_value(stored, "status"),))


def _by_reference(which: TransactionFilter) -> Iterator[Condition]:
    if which.reference is not None:
        yield Condition("t.reference = :reference", (bindparam("reference", which.reference, Text),))


def _involving(name: str, ids: Sequence[UUID]) -> Condition:
    """Build the condition that the payer or the payee is one of these wallets."""
    sql = f"(t.from_wallet_id = ANY (:{name}) OR t.to_wallet_id = ANY (:{name}))"
    return Condition(sql, (bindparam(name, ids, ARRAY(Uuid)),))


def _span(
    which: TransactionFilter, cursor: UUID | None, *, newest_first: bool
) -> tuple[BindParameter[UUID], BindParameter[UUID]]:
    """Return the range of ids of the period that come after the cursor: from the first to before the second."""
    first = _LOWEST if which.start is None else first_transaction_id(which.start)
    end = _HIGHEST if which.end is None else first_transaction_id(which.end)
    if cursor is not None and newest_first:
        end = min(end, cursor)
    elif cursor is not None:
        first = max(first, UUID(int=min(cursor.int + 1, _HIGHEST.int)))
    return bindparam("first", first, Uuid), bindparam("before", end, Uuid)


def _arms(which: TransactionFilter) -> Iterator[str]:
    """Yield the subqueries for a wallet's transactions: posted ones have entries, others have not."""
    if which.status is None or which.status == "posted":
        yield _POSTED
    if which.status != "posted":
        yield from (_NOT_POSTED.replace("{side}", side) for side in ("from_wallet_id", "to_wallet_id"))
