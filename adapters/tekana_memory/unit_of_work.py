"""The unit of work: hands out copies, and keeps what is saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from tekana.domain.book import Book, LockedState, LockSet
from tekana.domain.customer import Customer
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import Wallet, house_wallets
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory.state import MemoryState


class MemoryUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork. `save` never awaits, so it is all or nothing."""

    def __init__(self, state: MemoryState, now: datetime) -> None:
        self._state = state
        self._now = now

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """The keys among these that were used before."""
        return {key: deepcopy(self._state.keys[key]) for key in keys if key in self._state.keys}

    async def lock(self, locks: LockSet) -> LockedState:
        """Copies of what is touched; the store's lock is held already."""
        state = self._state
        customers = {one: replace(state.customers[one]) for one in locks.customers if one in state.customers}
        ids = {*locks.wallets, *(wallet_id for customer in customers for wallet_id in state.wallets_of[customer])}
        return LockedState(
            now=self._now,
            wallets={one: replace(state.wallets[one]) for one in sorted(ids) if one in state.wallets},
            customers=customers,
            contacts={one: state.contacts[one] for one in locks.contacts if one in state.contacts},
        )

    async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Keep everything on the Book."""
        for customer in book.changed_customers.values():
            self._release_contacts(customer)
            self._keep_customer(customer)
        for customer in book.registered_customers.values():
            self._keep_customer(customer)
        for wallet in book.opened_wallets.values():
            self._keep_new_wallet(wallet)
            for house_wallet in house_wallets(wallet.currency, created_by=book.caller, at=wallet.created_at):
                self._state.wallets.setdefault(house_wallet.id, house_wallet)
        self._state.wallets.update(book.wallets_with_entries | book.changed_wallets)
        for transaction in book.transactions:
            self._keep_transaction(transaction)
        self._state.outbox.extend(book.outbox)
        self._state.keys.update(deepcopy(dict(claims)))  # answers are the callers' to change

    def _keep_customer(self, customer: Customer) -> None:
        self._state.customers[customer.id] = customer
        if customer.status != "closed":
            self._state.contacts.update(dict.fromkeys(customer.contacts, customer.id))

    def _release_contacts(self, customer: Customer) -> None:
        for contact in self._state.customers[customer.id].contacts:
            if self._state.contacts.get(contact) == customer.id:
                del self._state.contacts[contact]

    def _keep_new_wallet(self, wallet: Wallet) -> None:
        self._state.wallets[wallet.id] = wallet
        if wallet.customer_id is not None:
            self._state.wallets_of[wallet.customer_id].append(wallet.id)

    def _keep_transaction(self, transaction: Transaction) -> None:
        self._state.transactions[transaction.id] = transaction
        movement = transaction.request
        for entry in transaction.entries:
            self._state.entries[entry.wallet_id].append(
                PostedEntry(
                    entry,
                    transaction.id,
                    movement.type,
                    movement.description,
                    movement.reference,
                    transaction.created_at,
                )
            )
