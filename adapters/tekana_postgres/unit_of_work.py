"""The unit of work: one transaction of the database, a handful of set-based statements, raw asyncpg."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Set
from contextlib import suppress
from typing import Any

import asyncpg

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.book import Book
from tekana.domain.errors import Conflict
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockedState, LockSet, Ref
from tekana.ports.clock import Clock
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord, Unlocked
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.aggregates.wallet import RowVersion, lock_wallets, read_wallets, save_wallets
from tekana_postgres.audit_log import save_audit_rows
from tekana_postgres.connections import translate_errors
from tekana_postgres.customer_data import with_encrypted_answers
from tekana_postgres.history import customer_answers, history_of
from tekana_postgres.history_links import Chains
from tekana_postgres.key_records import find_records
from tekana_postgres.limits import CurrentTerms
from tekana_postgres.row_locks import NO_LOCK, SKIP_LOCKED, WAIT, RowLock
from tekana_postgres.rows import key_digest
from tekana_postgres.save_statement import save_balances_and_history


class PostgresUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork and ReadsUnlocked on a connection of its own.

    It is a transaction of the database from the first lock on; without locks, `save` is one.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        clock: Clock | None,
        kinds: Mapping[str, KindRows],
        vault: CustomerVault,
        chains: Chains,
        terms: CurrentTerms,
    ) -> None:
        self._connection = connection
        self._kinds = kinds
        self._vault = vault
        self._clock = clock
        self._chains = chains
        self._terms = terms
        self._transaction: Any = None
        self._holds_locks = False
        self._digests: dict[IdempotencyKey, str] = {}
        self._versions: dict[WalletId, RowVersion] = {}

    async def _begin(self) -> None:
        if self._transaction is None:
            transaction = self._connection.transaction()
            await transaction.start()
            self._transaction = transaction

    async def roll_back(self) -> None:
        """Roll back, if there is a transaction that was not committed."""
        if self._transaction is not None:
            with suppress(asyncpg.InterfaceError):  # the connection is closed, and the transaction with it
                await self._transaction.rollback()

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return the records of used keys. A key that is just being taken shows in `save`, as a Conflict."""
        self._digests = {key: key_digest(key) for key in keys}
        with translate_errors():
            await self._begin()
            return await find_records(self._connection, self._vault, self._digests)

    async def read_unlocked(self, keys: Collection[IdempotencyKey], locks: LockSet) -> Unlocked:
        """Read in one round trip, if none of the keys is used."""
        self._digests = {key: key_digest(key) for key in keys}
        with translate_errors():
            read, are_used = await read_wallets(self._connection, locks.wallets, self._digests.values())
            self._versions = read.versions
            state = LockedState(self._clock() if self._clock else read.now, read.wallets)
            state.terms = await self._terms.get(self._connection, read.terms_version)
            return Unlocked(await find_records(self._connection, self._vault, self._digests) if are_used else {}, state)

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
        """Lock kind by kind, then wallets, in the order of ids; everywhere the same, so no two units deadlock.

        So a second call, whose items may come before those of the first, gives up the locks of the first.
        """
        with translate_errors():
            await self._begin()
            if self._holds_locks:
                await self._connection.execute("ROLLBACK AND CHAIN")
            self._holds_locks = True
            return await self._lock(locks, WAIT if wait else SKIP_LOCKED)

    async def read(self, locks: LockSet) -> LockedState:
        """Read what `lock` would lock, on one snapshot."""
        with translate_errors():
            await self._begin()
            await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return await self._lock(locks, NO_LOCK)

    async def _lock(self, locks: LockSet, row_lock: RowLock) -> LockedState:
        others: dict[str, dict[Any, Any]] = {}
        wallet_ids = set(locks.wallets)
        if locks.others:
            for name, rows in self._kinds.items():
                refs = [ref for ref in locks.others if ref.kind.name == name]
                if refs:
                    items = others[name] = await rows.lock(self._connection, [ref.id for ref in refs], row_lock)
                    wallets_of = refs[0].kind.wallets_of
                    if wallets_of is None:
                        wallet_ids.update(await rows.wallets_of(self._connection, items))
                    else:
                        wallet_ids.update(wallet for item in items.values() for wallet in wallets_of(item))
        wallets, self._versions, now, version = await lock_wallets(self._connection, wallet_ids, row_lock)
        locked = LockedState(self._clock() if self._clock else now, wallets, others)
        locked.terms = await self._terms.get(self._connection, version)
        if row_lock == SKIP_LOCKED:
            missing = wallet_ids - wallets.keys()
            locked.busy = await self._find_busy(locks, locked, missing)
        return locked

    async def _find_busy(self, locks: LockSet, locked: LockedState, missing: Set[WalletId]) -> frozenset[Hashable]:
        """Find what was skipped though it exists. An item is busy too if a wallet that it brings along is."""
        wallets = (await lock_wallets(self._connection, missing, NO_LOCK)).wallets if missing else {}
        busy: set[Hashable] = set(wallets)
        owners = {wallet.customer_id for wallet in wallets.values()}
        for name, rows in self._kinds.items() if locks.others else ():
            refs = {ref.id: ref for ref in locks.others if ref.kind.name == name}
            skipped = [one for one in refs if one not in locked.others[name]] if refs else []
            if skipped:
                busy.update(refs[one] for one in await rows.lock(self._connection, skipped, NO_LOCK))
            if wallets:
                busy.update(ref for one, ref in refs.items() if one in owners or _brings(ref, locked, wallets))
        return frozenset(busy)

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Write everything, and commit."""
        by_digest = [(self._digests.get(key) or key_digest(key), record) for key, record in records.items()]
        history = history_of(book, by_digest)
        if self._transaction is None and (book.changes or book.house_wallets or book.audit_log):
            raise Conflict("more than balances has to be saved, which takes locks")
        with translate_errors():
            for name, rows in self._kinds.items() if book.changes else ():
                added, changed = book.changes.added.get(name), book.changes.changed.get(name)
                if added or changed:
                    await rows.save(self._connection, added or {}, changed or {})
            if history.audit_log:
                await save_audit_rows(self._connection, history.audit_log)
            wallets = await save_wallets(self._connection, book)
            history = await with_encrypted_answers(self._connection, self._vault, history, customer_answers(by_digest))
            async with self._chains.link(history, book.now) as link:
                await save_balances_and_history(self._connection, history, wallets, self._versions, link)
                if self._transaction is not None:
                    await self._transaction.commit()
                    self._transaction = None


def _brings(ref: Ref, locked: LockedState, wallets: Collection[WalletId]) -> bool:
    """Whether a locked item names one of these wallets itself."""
    item = locked.others[ref.kind.name].get(ref.id)
    return (
        item is not None
        and ref.kind.wallets_of is not None
        and any(one in wallets for one in ref.kind.wallets_of(item))
    )
