"""Wallets: locked last, with every command, and updated with every transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from tekana.domain.book import Book
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import WALLETS, Wallet
from tekana_postgres.arrays import text_array, uuid_array
from tekana_postgres.row_locks import NO_LOCK, RowLock
from tekana_postgres.rows import WALLET_COLUMNS, wallet_from, wallet_row, write_json, write_usage

_CTID, _XMIN = len(WALLET_COLUMNS), len(WALLET_COLUMNS) + 1  # their places among the columns of _LOCK

# The rows, each with its ctid and xmin, and then, as all locks are held, a row with nothing but the time by the
# database's clock, one clock for all machines, the version of the terms, and how many of the given keys are used.
_COLUMNS = ", ".join(WALLET_COLUMNS)
_READ = f"""
SELECT * FROM (
    SELECT {_COLUMNS}, ctid, xmin, NULL::timestamptz AS now, NULL::bigint AS terms_version, NULL::bigint AS used_keys
    FROM wallets WHERE id = ANY((SELECT $1::text::uuid[])::uuid[])
    ORDER BY id {{row_lock}}
) locked
UNION ALL
SELECT {"NULL, " * len(WALLET_COLUMNS)}NULL, NULL, clock_timestamp(), (SELECT version FROM terms), {{used_keys}}
"""
_USED_KEYS = "(SELECT count(*) FROM idempotency_keys WHERE key_digest = ANY((SELECT $2::text::uuid[])::uuid[]))"
_READ_WITH_KEYS = _READ.format(row_lock=NO_LOCK, used_keys=_USED_KEYS)
_UPDATE = """
UPDATE wallets w SET ledger_balance = d.ledger_balance, held = d.held, version = d.version, sequence = d.sequence,
    updated_at = d.updated_at, status = d.status, freeze_scope = d.freeze_scope, freeze_reason = d.freeze_reason,
    customer_active = d.customer_active, name = d.name, metadata = d.metadata::json, tier = d.tier,
    limit_override = d.limit_override::json, usage = d.usage, kind = d.kind
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[],
    $8::text[], $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::text[])
    AS d (id, ledger_balance, held, version, sequence, updated_at, status, freeze_scope, freeze_reason,
    customer_active, name, metadata, tier, limit_override, usage, kind)
WHERE w.id = d.id
"""
_INSERT_UNLESS_EXISTS = f"""
INSERT INTO wallets ({_COLUMNS}) VALUES ({", ".join(f"${i}" for i in range(1, len(WALLET_COLUMNS) + 1))})
ON CONFLICT (id) DO NOTHING
"""


class RowVersion(NamedTuple):
    """Where a version of a row is, and which transaction wrote it. Both together are those of no other version."""

    ctid: tuple[int, int]
    xmin: int


class ReadWallets(NamedTuple):
    """Wallets by id, in order of ids; the versions of their rows; the moment by the database's clock; and the version
    of the terms."""

    wallets: dict[WalletId, Wallet]
    versions: dict[WalletId, RowVersion]
    now: datetime
    terms_version: int


async def lock_wallets(connection: asyncpg.Connection, ids: Collection[WalletId], row_lock: RowLock) -> ReadWallets:
    """Lock wallets in the order of their ids."""
    rows = await connection.fetch(_READ.format(row_lock=row_lock, used_keys="NULL"), uuid_array(ids))
    return _read_wallets(rows)[0]


async def read_wallets(
    connection: asyncpg.Connection, ids: Collection[WalletId], key_digests: Collection[str]
) -> tuple[ReadWallets, bool]:
    """Read wallets without locks, and return whether one of the keys is used."""
    wallets, used_keys = _read_wallets(
        await connection.fetch(_READ_WITH_KEYS, uuid_array(ids), text_array(key_digests))
    )
    return wallets, bool(used_keys)


def _read_wallets(rows: list[asyncpg.Record]) -> tuple[ReadWallets, int | None]:
    last = rows.pop()
    wallets = {wallet.id: wallet for wallet in map(wallet_from, rows)}
    versions = [RowVersion(row[_CTID], row[_XMIN]) for row in rows]
    return ReadWallets(wallets, dict(zip(wallets, versions, strict=True)), last["now"], last["terms_version"]), last[
        "used_keys"
    ]


async def save_wallets(connection: asyncpg.Connection, book: Book) -> list[Wallet]:
    """Insert new wallets and update changed ones; return those that have nothing to be saved but a new balance, in
    order of ids."""
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
    return [
        wallet
        for wallet_id, wallet in book.locked.wallets.items()
        if wallet_id in book.wallets_with_entries and wallet_id not in written
    ]


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
        [wallet.tier for wallet in wallets],
        [write_json(wallet.limit_override) for wallet in wallets],
        [write_usage(wallet.usage) for wallet in wallets],
        [wallet.kind for wallet in wallets],
    )
