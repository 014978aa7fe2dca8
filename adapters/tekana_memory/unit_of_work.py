"""The unit of work: it reads copies of the state, and `save` writes them back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy, deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from tekana.domain.answer_reference import AnswerReference
from tekana.domain.answers import ANSWERS, ERASED_ANSWER, stored_form
from tekana.domain.book import Book
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.customer import CONTACTS, CUSTOMERS, Customer
from tekana.domain.exchange import RATES
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockedState, LockSet
from tekana.domain.tier_limits import LIMITS
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import WALLETS, Wallet
from tekana.domain.webhooks import WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana_memory.state import MemoryState
from tekana_memory.webhook_deliveries import save_new, save_resent
from tekana_memory.webhook_endpoints import save_endpoints

_KINDS_APART = (WEBHOOK_ENDPOINTS.name, WEBHOOK_DELIVERIES.name, LIMITS.name, RATES.name, FEE_SCHEDULES.name)


class MemoryUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork. `save` never awaits, so it is atomic."""

    def __init__(self, state: MemoryState, now: datetime) -> None:
        self._state = state
        self._now = now

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return copies of the records of used keys."""
        return {key: self._record(self._state.keys[key]) for key in keys if key in self._state.keys}

    def _record(self, kept: IdempotencyRecord) -> IdempotencyRecord:
        answer = kept.answer
        if isinstance(answer, AnswerReference):
            return IdempotencyRecord(kept.fingerprint, answer.resolve(self._state.find(answer.ref)))
        return IdempotencyRecord(kept.fingerprint, deepcopy(answer))

    async def read(self, locks: LockSet) -> LockedState:
        """Return copies of the items, like `lock`."""
        return await self.lock(locks)

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:  # noqa: ARG002 - it never has to wait
        """Return copies of the items; the store's lock is held already."""
        state = self._state
        others: dict[str, dict[Any, Any]] = {}
        wallet_ids = set(locks.wallets)
        for ref in locks.others:
            item, found = state.find(ref), others.setdefault(ref.kind.name, {})
            if item is not None:
                found[ref.id] = copy(item)
                wallet_ids.update(state.wallets_locked_with(ref))
        wallets = {one: replace(state.wallets[one]) for one in sorted(wallet_ids) if one in state.wallets}
        return LockedState(self._now, wallets, others, terms=state.terms)

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Save the changes of the Book."""
        state = self._state
        kept = {key: _kept(record) for key, record in records.items()}  # first, as it may raise
        for customer in book.changes.changed_of(CUSTOMERS).values():
            self._release_contacts(customer)
        self._save_webhooks(book)
        for changes in (book.changes.changed, book.changes.added):
            for kind, items in changes.items():
                if kind not in _KINDS_APART:
                    state.items[kind].update(items)
        fees = {**book.changes.changed_of(FEE_SCHEDULES), **book.changes.added_of(FEE_SCHEDULES)}
        state.save_terms(book.changes.added_of(LIMITS), book.changes.added_of(RATES), fees)
        for customer in (*book.changes.changed_of(CUSTOMERS).values(), *book.changes.added_of(CUSTOMERS).values()):
            if not customer.active:
                state.sign_in.end_families(customer.id)
            if customer.status != "closed":
                for contact in customer.contacts:
                    state.items[CONTACTS.name].setdefault(contact, {})[customer.tenant] = customer.id
        for wallet in book.changes.added_of(WALLETS).values():
            self._keep_owner(wallet)
        for house_wallet in book.house_wallets.values():
            state.wallets.setdefault(house_wallet.id, house_wallet)
        state.wallets.update(book.wallets_with_entries)
        for transaction in book.transactions:
            self._keep_transaction(transaction)
        state.outbox.extend(book.outbox)
        state.keys.update(kept)
        state.audit_log.update({one.id: one for one in book.audit_log})
        erased = {one.id for one in book.changes.changed_of(CUSTOMERS).values() if one.erased_at is not None}
        if erased:
            self._erase_answers(erased)

    def _save_webhooks(self, book: Book) -> None:
        changes = book.changes
        for delivery_id in changes.changed_of(WEBHOOK_DELIVERIES):
            save_resent(self._state, delivery_id, self._now)
        for one in changes.added_of(WEBHOOK_DELIVERIES).values():
            save_new(self._state, one.delivery, self._now)
        # After the deliveries, which go with an endpoint that is deleted in the same unit of work.
        save_endpoints(self._state, {**changes.changed_of(WEBHOOK_ENDPOINTS), **changes.added_of(WEBHOOK_ENDPOINTS)})

    def _erase_answers(self, erased: Collection[CustomerId]) -> None:
        """Replace the answers that hold data of these customers, and remove what they signed in with."""
        for one in erased:
            self._state.sign_in.erase(one)
        for key, record in self._state.keys.items():
            customer_id = ANSWERS[type(record.answer)].customer_id
            if customer_id is not None and customer_id(record.answer) in erased:
                self._state.keys[key] = IdempotencyRecord(record.fingerprint, ERASED_ANSWER)

    def _release_contacts(self, customer: Customer) -> None:
        owners = self._state.items[CONTACTS.name]
        for contact in self._state.customers[customer.id].contacts:
            if owners[contact].get(customer.tenant) == customer.id:
                del owners[contact][customer.tenant]

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


def _kept(record: IdempotencyRecord) -> IdempotencyRecord:
    """Return what to keep of a record: a copy, as answers are the callers' to change."""
    return IdempotencyRecord(record.fingerprint, deepcopy(stored_form(record.answer)))
