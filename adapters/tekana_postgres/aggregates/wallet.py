"""Wallets: locked last, with every command, and updated with every transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from tekana.domain.book import Book
from tekana.domain.errors import Conflict
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import WALLETS, Wallet
from tekana_postgres.arrays import ctid_array, integer_array, uuid_array
from tekana_postgres.row_locks import RowLock
from tekana_postgres.rows import WALLET_COLUMNS, wallet_from, wallet_row

_CTID = len(WALLET_COLUMNS)  # its place among the columns of _LOCK

# The locked rows, each with its ctid, and then, as all locks are held, a row with nothing but the time by the
# database's clock: one clock for all machines.
_COLUMNS = ", ".join(WALLET_COLUMNS)
_LOCK = f"""
SELECT * FROM (
    SELECT {_COLUMNS}, ctid, NULL::timestamptz AS now FROM wallets WHERE id = ANY((SELECT $1::text::uuid[])::uuid[])
    ORDER BY id {{row_lock}}
) locked
UNION ALL SELECT {"NULL, " * len(WALLET_COLUMNS)}NULL, clock_timestamp()
"""
# A locked row keeps its ctid, so it is found by that without another look into the index. And as the wallets are
# locked, each aggregate's events stand in order: from here on, rows of the outbox take positions; see
# tekana_postgres.events.
UPDATE_BALANCES = """
UPDATE wallets w SET ledger_balance = d.ledger_balance, version = d.version, sequence = d.sequence, updated_at = $5
FROM unnest($1::text::tid[], $2::text::bigint[], $3::text::bigint[], $4::text::bigint[])
    AS d (row_id, ledger_balance, version, sequence)
WHERE w.ctid = d.row_id AND w.version < d.version
RETURNING 1
"""
MARK_POSITION = "SELECT count(*) AS updated, tekana_mark_position() FROM updated"
_UPDATE_AND_MARK_POSITION = f"WITH updated AS ({UPDATE_BALANCES}) {MARK_POSITION}"
_UPDATE = """
UPDATE wallets w SET ledger_balance = d.ledger_balance, held = d.held, version = d.version, sequence = d.sequence,
    updated_at = d.updated_at, status = d.status, freeze_scope = d.freeze_scope, freeze_reason = d.freeze_reason,
    customer_active = d.customer_active
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[],
    $8::text[], $9::text[], $10::boolean[])
    AS d (id, ledger_balance, held, version, sequence, updated_at, status, freeze_scope, freeze_reason,
    customer_active)
WHERE w.id = d.id
"""
_INSERT_UNLESS_EXISTS = f"""
INSERT INTO wallets ({_COLUMNS}) VALUES ({", ".join(f"${i}" for i in range(1, len(WALLET_COLUMNS) + 1))})
ON CONFLICT (id) DO NOTHING
"""


RowIds = dict[WalletId, tuple[int, int]]
"""Where the rows of locked wallets are: their ctid, by the wallet's id."""


class LockedWallets(NamedTuple):
    """Wallets by id, where their rows are, and the moment by the database's clock."""

    wallets: dict[WalletId, Wallet]
    row_ids: RowIds
    now: datetime


async def lock_wallets(connection: asyncpg.Connection, ids: Collection[WalletId], row_lock: RowLock) -> LockedWallets:
    """Lock wallets in the order of their ids."""
    rows = await connection.fetch(_LOCK.format(row_lock=row_lock), uuid_array(ids))
    now = rows.pop()["now"]
    wallets = {wallet.id: wallet for wallet in map(wallet_from, rows)}
    row_ids = [row[_CTID] for row in rows]
    return LockedWallets(wallets, dict(zip(wallets, row_ids, strict=True)), now)


class Balances(NamedTuple):
    """New balances, as the arguments of UPDATE_BALANCES: an array for each column, and the moment that all are of."""

    row_ids: str
    ledger_balances: str
    versions: str
    sequences: str
    moment: datetime


def changes_balances_only(book: Book) -> bool:
    """Whether nothing but balances changed, and all at the moment of the unit of work."""
    return not (
        book.house_wallets
        or book.changes
        or any(one.updated_at != book.now for one in book.wallets_with_entries.values())
    )


def balances_of(wallets: Collection[Wallet], moment: datetime, row_ids: RowIds) -> Balances:
    """Return the balances of wallets."""
    return Balances(
        ctid_array([row_ids[one.id] for one in wallets]),
        integer_array([one.ledger_balance for one in wallets]),
        integer_array([one.version for one in wallets]),
        integer_array([one.sequence for one in wallets]),
        moment,
    )


async def save_wallets(connection: asyncpg.Connection, book: Book, row_ids: RowIds) -> None:
    """Insert new wallets, update changed ones, and mark the position of the outbox."""
    added, changed = book.changes.added_of(WALLETS), book.changes.changed_of(WALLETS)
    if book.house_wallets:  # in the order of ids: two units that open the same ones never deadlock
        rows = sorted(map(wallet_row, book.house_wallets.values()))
        await connection.executemany(_INSERT_UNLESS_EXISTS, rows)
    if added:
        rows = [wallet_row(one) for one in added.values()]
        await connection.copy_records_to_table("wallets", records=rows, columns=WALLET_COLUMNS)
    if changed:
        await _update(connection, list(changed.values()))
    written = added.keys() | changed.keys()
    by_moment: dict[datetime, list[Wallet]] = {book.now: []}  # mostly all; later where a clock was put back
    for wallet_id, wallet in book.wallets_with_entries.items():
        if wallet_id not in written:
            by_moment.setdefault(wallet.updated_at, []).append(wallet)
    for moment, wallets in by_moment.items():
        updated = await connection.fetchval(_UPDATE_AND_MARK_POSITION, *balances_of(wallets, moment, row_ids))
        check_updated(wallets, updated)


def check_updated(wallets: Collection[Wallet], updated: int) -> None:
    """Raises Conflict unless the rows of all these wallets were updated."""
    if updated != len(wallets):
        raise Conflict("a locked wallet's row is no longer where it was")


async def _update(connection: asyncpg.Connection, wallets: Sequence[Wallet]) -> None:
    await connection.execute(
        _UPDATE,
        [wallet.id for wallet in wallets],
        [wallet.ledger_balance for wallet in wallets],
        [wallet.held for wallet in wallets],
        [wallet.version for wallet in wallets],
        [wallet.sequence for wallet in wallets],
        [wallet.updated_at for wallet in wallets],
        [wallet.status for wallet in wallets],
        [wallet.freeze_scope for wallet in wallets],
        [wallet.freeze_reason for wallet in wallets],
        [wallet.customer_active for wallet in wallets],
    )
