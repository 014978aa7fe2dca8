"""The unit of work: it reads copies of the state, and `save` writes them back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy, deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from tekana.domain.book import Book
from tekana.domain.customer import CONTACTS, CUSTOMERS, Customer
from tekana.domain.lock_set import LockedState, LockSet
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import WALLETS, Wallet
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory.state import MemoryState


class MemoryUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork. `save` never awaits, so it is atomic."""

    def __init__(self, state: MemoryState, now: datetime) -> None:
        self._state = state
        self._now = now

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return copies of the records of used keys."""
        return {key: deepcopy(self._state.keys[key]) for key in keys if key in self._state.keys}

    async def read(self, locks: LockSet) -> LockedState:
        """Return copies of the items, like `lock`."""
        return await self.lock(locks)

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:  # noqa: ARG002 - it never has to wait
        """Return copies of the items; the store's lock is held already."""
        state = self._state
        others: dict[str, dict[Any, Any]] = {}
        wallet_ids = set(locks.wallets)
        for ref in locks.others:
            items, found = state.items[ref.kind.name], others.setdefault(ref.kind.name, {})
            if ref.id in items:
                found[ref.id] = copy(items[ref.id])
                wallet_ids.update(state.wallets_locked_with(ref))
        wallets = {one: replace(state.wallets[one]) for one in sorted(wallet_ids) if one in state.wallets}
        return LockedState(self._now, wallets, others)

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Save the changes of the Book."""
        state = self._state
        for customer in book.changes.changed_of(CUSTOMERS).values():
            self._release_contacts(customer)
        for changes in (book.changes.changed, book.changes.added):
            for kind, items in changes.items():
                state.items[kind].update(items)
        for customer in (*book.changes.changed_of(CUSTOMERS).values(), *book.changes.added_of(CUSTOMERS).values()):
            if customer.status != "closed":
                state.items[CONTACTS.name].update(dict.fromkeys(customer.contacts, customer.id))
        for wallet in book.changes.added_of(WALLETS).values():
            self._keep_owner(wallet)
        for house_wallet in book.house_wallets.values():
            state.wallets.setdefault(house_wallet.id, house_wallet)
        state.wallets.update(book.wallets_with_entries)
        for transaction in book.transactions:
            self._keep_transaction(transaction)
        state.outbox.extend(book.outbox)
        state.keys.update(deepcopy(dict(records)))  # callers may change their answers

    def _release_contacts(self, customer: Customer) -> None:
        owners = self._state.items[CONTACTS.name]
        for contact in self._state.customers[customer.id].contacts:
            if owners.get(contact) == customer.id:
                del owners[contact]

    def _keep_owner(self, wallet: Wallet) -> None:
        if wallet.customer_id is not None:
            self._state.wallets_of[wallet.customer_id].append(wallet.id)

    def _keep_transaction(self, transaction: Transaction) -> None:
        self._state.transactions[transaction.id] = transaction
        request = transaction.request
        for entry in transaction.entries:
            self._state.entries[entry.wallet_id].append(
                PostedEntry(
                    entry,
                    transaction.id,
                    request.type,
                    request.description,
                    request.reference,
                    transaction.created_at,
                )
            )
