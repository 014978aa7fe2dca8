"""Reading transactions: the newest first, so backwards along an index that ends in the id.

A page walks along the index from its first transaction to its last. Where a filter matches little, the walk is longer
than the page, and is bounded: by the rare types and states alone, which have indexes of their own; by the time asked
for, as ids carry time; by the history of the wallets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Select, bindparam, func, literal_column, or_, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import Uuid

from tekana.domain.errors import TransactionNotFound
from tekana.domain.identifiers import TransactionId, WalletId, is_house_wallet
from tekana.domain.transaction import Transaction
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana_postgres.connections import raw_connection, translated
from tekana_postgres.pages import at_most, id_cursor, page_of, written
from tekana_postgres.tables import ID_AGREES_WITHIN, ID_DISAGREES, transactions, wallets
from tekana_postgres.unit_of_work import read_transactions

_SIDES = (transactions.c.from_wallet_id, transactions.c.to_wallet_id)
_SIDE_OF: dict[str | None, ColumnElement[Any]] = {
    "deposit": transactions.c.to_wallet_id,
    "withdrawal": transactions.c.from_wallet_id,
}
_EPOCH = datetime.fromtimestamp(0, UTC)
_LAST_MILLISECOND = 2**48 - 1
_MARGIN = ID_AGREES_WITHIN + timedelta(milliseconds=1)  # an id counts whole milliseconds

Columns = ReadOnlyColumnCollection[str, Any]


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
        before = id_cursor(page)
        with translated():
            async with self._engine.connect() as connection:
                query = _query(which, before, await _theirs(connection, which), page.limit + 1)
                ids = list((await connection.execute(query)).scalars())
                raw = (await connection.get_raw_connection()).driver_connection
                found = await read_transactions(raw, ids)
        return page_of([found[one] for one in ids], page, lambda transaction: str(transaction.id))


class _Theirs(NamedTuple):
    """Whose transactions are meant: those of these wallets, and at once of `others`, unless that is None."""

    wallets: Sequence[UUID]
    others: Sequence[UUID] | None = None


async def _theirs(connection: AsyncConnection, which: TransactionFilter) -> _Theirs | None:
    """The wallets that the filter means, None for all. Of a wallet and a customer, the shorter history leads."""
    if which.customer_id is None:
        return None if which.wallet_id is None else _Theirs([which.wallet_id])
    versions = await _versions(connection, wallets.c.customer_id == which.customer_id)
    if which.wallet_id is None or which.wallet_id in versions:
        return _Theirs(list(versions) if which.wallet_id is None else [which.wallet_id])
    other = await _versions(connection, wallets.c.id == which.wallet_id)  # none: what was refused may name any wallet
    if sum(other.values()) < sum(versions.values()):
        return _Theirs([which.wallet_id], list(versions))
    return _Theirs(list(versions), [which.wallet_id])


async def _versions(connection: AsyncConnection, condition: ColumnElement[bool]) -> dict[UUID, int]:
    """How many entries each of these wallets has."""
    query = select(wallets.c.id, wallets.c.version).where(condition)
    return {row.id: row.version for row in await connection.execute(query)}


def _query(which: TransactionFilter, before: UUID | None, theirs: _Theirs | None, count: int) -> Select[Any]:
    near = [*_conditions(transactions.c, which, before, theirs), *_ids_of_the_time(which)]
    if theirs is None:
        found = [_newest(transactions.c, near, count)]
    else:
        found = [_of_side(side, theirs.wallets, near, count) for side in _sides(which, theirs)]
    if which.start is not None or which.end is not None:
        strays = _strays(before)
        wanted = list(_conditions(strays, which, before, theirs))
        if theirs is not None:
            wanted.append(_touches(strays, theirs.wallets))
        found.append(_newest(strays, wanted, count))
    if len(found) == 1:
        return found[0]
    both = union(*found).subquery().c
    return _newest(both, [], count)


def _conditions(
    table: Columns, which: TransactionFilter, before: UUID | None, theirs: _Theirs | None
) -> Iterator[ColumnElement[bool]]:
    if which.type is not None:
        yield table.type == written(which.type)
    if which.status is not None:
        yield table.status == written(which.status)
    if which.reference is not None:
        yield table.reference == which.reference
    if which.start is not None:
        yield table.created_at >= which.start
    if which.end is not None:
        yield table.created_at < which.end
    if before is not None:
        yield table.id < before
    if theirs is not None and theirs.others is not None:
        yield _touches(table, theirs.others)


def _ids_of_the_time(which: TransactionFilter) -> Iterator[ColumnElement[bool]]:
    """The range of ids in which all of the time are, but for the strays."""
    if which.start is not None:
        yield transactions.c.id >= _first_id(which.start, -_MARGIN)
    if which.end is not None:
        yield transactions.c.id < _first_id(which.end, _MARGIN)


def _first_id(moment: datetime, margin: timedelta) -> UUID:
    """The lowest UUID of a moment. A UUIDv7 begins with 48 bits of milliseconds since 1970."""
    milliseconds = (moment - _EPOCH + margin) // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), _LAST_MILLISECOND) << 80)


def _strays(before: UUID | None) -> Columns:
    """Those whose ids disagree with their time, whatever else is asked: by the one index that holds only them."""
    query = select(transactions).where(literal_column(ID_DISAGREES, Boolean)).order_by(transactions.c.id.desc())
    if before is not None:
        query = query.where(transactions.c.id < before)
    return query.offset(literal_column("0")).subquery().c  # OFFSET keeps the conditions outside apart from this


def _sides(which: TransactionFilter, theirs: _Theirs) -> Sequence[ColumnElement[Any]]:
    """Where to look. A deposit enters and a withdrawal leaves every wallet but the operator's own."""
    if which.type in _SIDE_OF and not any(is_house_wallet(WalletId(one)) for one in theirs.wallets):
        return (_SIDE_OF[which.type],)
    return _SIDES


def _touches(table: Columns, ids: Sequence[UUID]) -> ColumnElement[bool]:
    return or_(table.from_wallet_id.in_(ids), table.to_wallet_id.in_(ids))


def _newest(table: Columns, conditions: Sequence[ColumnElement[bool]], count: int) -> Select[Any]:
    return select(table.id).where(*conditions).order_by(table.id.desc()).limit(at_most(count))


def _of_side(
    side: ColumnElement[Any], ids: Sequence[UUID], conditions: Sequence[ColumnElement[bool]], count: int
) -> Select[Any]:
    """The newest of each wallet on this side, by its index."""
    wallet = select(func.unnest(bindparam(None, ids, ARRAY(Uuid))).label("id")).subquery()
    newest = _newest(transactions.c, [side == wallet.c.id, *conditions], count).lateral()
    return select(newest.c.id).select_from(wallet).join(newest, true())
