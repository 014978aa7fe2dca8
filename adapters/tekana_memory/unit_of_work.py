"""The unit of work: hands out copies, and keeps what is saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from tekana.domain.book import Book, Locked, Touches
from tekana.domain.customer import Customer
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import Wallet, house_wallets
from tekana.ports.unit_of_work import Claimed, Key
from tekana_memory.kept import Kept


class MemoryUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork. `save` never awaits, so it is all or nothing."""

    def __init__(self, kept: Kept, now: datetime) -> None:
        self._kept = kept
        self._now = now

    async def claim(self, keys: Collection[Key]) -> Mapping[Key, Claimed]:
        """The keys among these that were used before."""
        return {key: deepcopy(self._kept.keys[key]) for key in keys if key in self._kept.keys}

    async def lock(self, touches: Touches) -> Locked:
        """Copies of what is touched; the store's lock is held already."""
        kept = self._kept
        customers = {one: replace(kept.customers[one]) for one in touches.customers if one in kept.customers}
        ids = {*touches.wallets, *(wallet_id for customer in customers for wallet_id in kept.wallets_of[customer])}
        return Locked(
            now=self._now,
            wallets={one: replace(kept.wallets[one]) for one in sorted(ids) if one in kept.wallets},
            customers=customers,
            contacts={one: kept.contacts[one] for one in touches.contacts if one in kept.contacts},
        )

    async def save(self, book: Book, claims: Mapping[Key, Claimed]) -> None:
        """Keep everything on the Book."""
        for customer in book.changed_customers.values():
            self._release_contacts(customer)
            self._keep_customer(customer)
        for customer in book.registered_customers.values():
            self._keep_customer(customer)
        for wallet in book.opened_wallets.values():
            self._keep_new_wallet(wallet)
            for house_wallet in house_wallets(wallet.currency, created_by=book.caller, at=wallet.created_at):
                self._kept.wallets.setdefault(house_wallet.id, house_wallet)
        self._kept.wallets.update(book.moved_wallets | book.changed_wallets)
        for transaction in book.transactions:
            self._keep_transaction(transaction)
        self._kept.outbox.extend(book.outbox)
        self._kept.keys.update(deepcopy(dict(claims)))  # answers are the callers' to change

    def _keep_customer(self, customer: Customer) -> None:
        self._kept.customers[customer.id] = customer
        if customer.status != "closed":
            self._kept.contacts.update(dict.fromkeys(customer.contacts, customer.id))

    def _release_contacts(self, customer: Customer) -> None:
        for contact in self._kept.customers[customer.id].contacts:
            if self._kept.contacts.get(contact) == customer.id:
                del self._kept.contacts[contact]

    def _keep_new_wallet(self, wallet: Wallet) -> None:
        self._kept.wallets[wallet.id] = wallet
        if wallet.customer_id is not None:
            self._kept.wallets_of[wallet.customer_id].append(wallet.id)

    def _keep_transaction(self, transaction: Transaction) -> None:
        self._kept.transactions[transaction.id] = transaction
        movement = transaction.movement
        for entry in transaction.entries:
            self._kept.entries[entry.wallet_id].append(
                PostedEntry(
                    entry,
                    transaction.id,
                    movement.type,
                    movement.description,
                    movement.reference,
                    transaction.created_at,
                )
            )
