"""Wallets: locked last, with every command, and updated with every transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from tekana.domain.book import Book
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import WALLETS, Wallet
from tekana_postgres.arrays import uuid_array
from tekana_postgres.row_locks import RowLock
from tekana_postgres.rows import WALLET_COLUMNS, wallet_from, wallet_row, write_json

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
_UPDATE = """
UPDATE wallets w SET ledger_balance = d.ledger_balance, held = d.held, version = d.version, sequence = d.sequence,
    updated_at = d.updated_at, status = d.status, freeze_scope = d.freeze_scope, freeze_reason = d.freeze_reason,
    customer_active = d.customer_active, name = d.name, metadata = d.metadata::json
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[],
    $8::text[], $9::text[], $10::boolean[], $11::text[], $12::text[])
    AS d (id, ledger_balance, held, version, sequence, updated_at, status, freeze_scope, freeze_reason,
    customer_active, name, metadata)
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


async def save_wallets(connection: asyncpg.Connection, book: Book) -> list[Wallet]:
    """Insert new wallets and update changed ones; return those that have nothing to be saved but a new balance."""
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
    return [wallet for wallet_id, wallet in book.wallets_with_entries.items() if wallet_id not in written]


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
        [wallet.name for wallet in wallets],
        [write_json(wallet.metadata) for wallet in wallets],
    )
