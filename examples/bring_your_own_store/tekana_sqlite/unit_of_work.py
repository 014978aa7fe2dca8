"""The unit of work: one SQLite transaction. SQLite has one writer at a time, so beginning one locks everything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from msgspec import json

from tekana import ApiKey, FeeSchedule, Quote, Rate
from tekana.domain.answer_reference import AnswerReference
from tekana.domain.answers import (
    ERASED_ANSWER,
    Answer,
    BatchRecord,
    CustomerWithWallets,
    ErasedCustomer,
    OverriddenLimits,
    stored_form,
)
from tekana.domain.api_key_answers import ConfiguredApiKey
from tekana.domain.api_keys import API_KEYS
from tekana.domain.approvals import APPROVALS, Approval
from tekana.domain.book import Book
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.customer import CONTACTS, CUSTOMERS, Customer
from tekana.domain.events import Event
from tekana.domain.exchange import RATES
from tekana.domain.holds import HOLDS, HoldReference, wallets_of
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.lock_set import LockedState, LockSet, Ref
from tekana.domain.quotes import QUOTES
from tekana.domain.reversals import ORIGINALS
from tekana.domain.reversals import wallets_of as wallets_of_original
from tekana.domain.tier_limits import LIMITS, TierLimits
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import WALLETS, Wallet
from tekana.ports.clock import Clock
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord

from .approvals import approval_of
from .audit_log import save_entries
from .database import Database
from .fee_schedules import all_fee_schedules, save_fee_schedule
from .holds import find_hold, save_hold
from .limits import current_terms, limits_in_force
from .rates import latest_rates
from .reversals import find_original, save_original
from .transactions import transaction_of

# The names under which answers are stored: they never change, even where the classes do.
_ANSWERS: dict[str, type[Answer]] = {
    "transaction": Transaction,
    "wallet": Wallet,
    "customer": CustomerWithWallets,
    "erased_customer": ErasedCustomer,
    "rejection": Rejection,
    "batch": BatchRecord,
    "api_key": ConfiguredApiKey,
    "approval": Approval,
    "hold": HoldReference,
    "rate": Rate,
    "fee_schedule": FeeSchedule,
    "quote": Quote,
    "tier_limits": TierLimits,
    "overridden_limits": OverriddenLimits,
}
CUSTOMER_PATHS = (("customer", "$[0].id"), ("wallet", "$.customer_id"))
"""The names of the answers with a customer's data, and where the id of the customer is in their JSON.

A NamedTuple is an array in JSON.
"""

_NAMES = {kind: name for name, kind in _ANSWERS.items()}
_UPSERT = "INSERT INTO {} (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
_UPSERT_CUSTOMER, _UPSERT_WALLET = _UPSERT.format("customers"), _UPSERT.format("wallets")
_UPSERT_API_KEY = _UPSERT.format("api_keys")


def record_of(fingerprint: int, kind: str, body: str) -> IdempotencyRecord:
    """Read the record of a key."""
    answer_type = _ANSWERS[kind]
    answer = transaction_of(body) if answer_type is Transaction else json.decode(body, type=answer_type)
    return IdempotencyRecord(fingerprint, answer)


def find_record(database: Database, key: IdempotencyKey) -> IdempotencyRecord | None:
    """Return the record of a key; None if it was not used."""
    statement = "SELECT fingerprint, kind, body FROM keys WHERE tenant = ? AND subject = ? AND key = ?"
    record = next((record_of(*row) for row in database.rows(statement, *key)), None)
    if record is not None and isinstance(record.answer, AnswerReference):
        return record._replace(answer=record.answer.resolve(_find(database, record.answer.ref)))
    return record


def _find(database: Database, ref: Ref) -> object:
    """Return the API key or the hold that a reference names; None if there is none."""
    if ref.kind == HOLDS:
        return find_hold(database, ref.id)
    bodies = database.rows("SELECT body FROM api_keys WHERE id = ?", ref.id)
    return next((json.decode(body, type=ApiKey) for [body] in bodies), None)


class SqliteUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork. The store has begun the transaction; `save` commits it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """Return the records of used keys."""
        found = {key: find_record(self._database, key) for key in keys}
        return {key: record for key, record in found.items() if record is not None}

    async def read(self, locks: LockSet) -> LockedState:
        """Read the items of the lock set, as `lock` does."""
        return await self.lock(locks)

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:  # noqa: ARG002 - there is no need to wait
        """Read the lock set, and all wallets of its customers. No other unit can write until this one ends."""
        rows = self._database.rows
        customers = {
            customer_id: json.decode(body, type=Customer)
            for customer_id in locks.of(CUSTOMERS)
            for [body] in rows("SELECT body FROM customers WHERE id = ?", customer_id)
        }
        found = ((hold_id, find_hold(self._database, hold_id)) for hold_id in locks.of(HOLDS))
        holds = {hold_id: hold for hold_id, hold in found if hold is not None}
        reversible = ((one, find_original(self._database, one)) for one in locks.of(ORIGINALS))
        originals = {one: original for one, original in reversible if original is not None}
        owned = "SELECT id FROM wallets WHERE customer_id = ?"
        ids = {
            *locks.wallets,
            *(WalletId(UUID(one)) for customer_id in customers for [one] in rows(owned, customer_id)),
            *(wallet_id for hold in holds.values() for wallet_id in wallets_of(hold)),
            *(wallet_id for one in originals.values() for wallet_id in wallets_of_original(one)),
        }
        wallets = {
            wallet_id: json.decode(body, type=Wallet)
            for wallet_id in sorted(ids)
            for [body] in rows("SELECT body FROM wallets WHERE id = ?", wallet_id)
        }
        owners_of = "SELECT tenant, customer_id FROM contacts WHERE field = ? AND value = ?"
        contacts: dict[Any, dict[str, CustomerId]] = {}
        for contact in locks.of(CONTACTS):
            for tenant, owner in rows(owners_of, *contact):
                contacts.setdefault(contact, {})[tenant] = CustomerId(UUID(owner))
        keys = {
            key_id: json.decode(body, type=ApiKey)
            for key_id in locks.of(API_KEYS)
            for [body] in rows("SELECT body FROM api_keys WHERE id = ?", key_id)
        }
        approvals = {
            approval_id: approval_of(body)
            for approval_id in locks.of(APPROVALS)
            for [body] in rows("SELECT body FROM approvals WHERE id = ?", approval_id)
        }
        quotes = {
            quote_id: json.decode(body, type=Quote)
            for quote_id in locks.of(QUOTES)
            for [body] in rows("SELECT body FROM quotes WHERE id = ?", quote_id)
        }
        others: dict[str, dict[Any, Any]] = {
            CUSTOMERS.name: customers,
            CONTACTS.name: contacts,
            API_KEYS.name: keys,
            APPROVALS.name: approvals,
            QUOTES.name: quotes,
            HOLDS.name: holds,
            ORIGINALS.name: originals,
            FEE_SCHEDULES.name: all_fee_schedules(self._database) if locks.of(FEE_SCHEDULES) else {},
            RATES.name: latest_rates(self._database) if locks.of(RATES) else {},
            LIMITS.name: limits_in_force(self._database) if locks.of(LIMITS) else {},
        }
        return LockedState(self._clock(), wallets, others, terms=current_terms(self._database))

    async def save(self, book: Book, records: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Save all changes on the Book, and the keys, in one commit."""
        changes = book.changes
        self._save_customers([*changes.changed_of(CUSTOMERS).values(), *changes.added_of(CUSTOMERS).values()])
        for house in book.house_wallets.values():
            statement = "INSERT INTO wallets (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING"
            self._database.rows(statement, house.id, json.encode(house).decode())
        wallets = changes.added_of(WALLETS) | book.wallets_with_entries | changes.changed_of(WALLETS)
        for wallet in wallets.values():
            self._database.rows(_UPSERT_WALLET, wallet.id, json.encode(wallet).decode())
        for api_key in (changes.added_of(API_KEYS) | changes.changed_of(API_KEYS)).values():
            self._database.rows(_UPSERT_API_KEY, api_key.id, json.encode(api_key).decode())
        for approval in (changes.added_of(APPROVALS) | changes.changed_of(APPROVALS)).values():
            self._database.rows(_UPSERT.format("approvals"), approval.id, json.encode(approval).decode())
        for limits in changes.added_of(LIMITS).values():
            body = json.encode(limits).decode()
            self._database.rows("INSERT INTO limits VALUES (?, ?, ?)", limits.id, limits.version, body)
        for rate in changes.added_of(RATES).values():
            body = json.encode(rate).decode()
            self._database.rows("INSERT INTO rates VALUES (?, ?, ?)", rate.id, rate.version, body)
        for schedule in (changes.added_of(FEE_SCHEDULES) | changes.changed_of(FEE_SCHEDULES)).values():
            save_fee_schedule(self._database, schedule)
        for quote in (changes.added_of(QUOTES) | changes.changed_of(QUOTES)).values():
            self._database.rows(_UPSERT.format("quotes"), quote.id, json.encode(quote).decode())
        save_entries(self._database, book.audit_log)
        for one in book.outbox:
            self._save_to_outbox(one)
        for hold in (changes.added_of(HOLDS) | changes.changed_of(HOLDS)).values():
            save_hold(self._database, hold)
        for original in (changes.added_of(ORIGINALS) | changes.changed_of(ORIGINALS)).values():
            save_original(self._database, original)
        for key, (fingerprint, answer) in records.items():
            kept = stored_form(answer)
            row = (*key, fingerprint, _NAMES[type(kept)], json.encode(kept).decode())
            self._database.rows("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)", *row)
        self._erase_answers([one for one in changes.changed_of(CUSTOMERS).values() if one.erased_at is not None])
        self._database.rows("COMMIT")

    def _erase_answers(self, customers: Collection[Customer]) -> None:
        """Replace the answers under keys that hold data of erased customers."""
        erased = json.encode(ERASED_ANSWER).decode()
        for customer in customers:
            for kind, path in CUSTOMER_PATHS:
                statement = "UPDATE keys SET kind = ?, body = ? WHERE kind = ? AND json_extract(body, ?) = ?"
                self._database.rows(statement, _NAMES[Rejection], erased, kind, path, customer.id)

    def _save_customers(self, customers: Collection[Customer]) -> None:
        """Save customers. All old contacts are deleted before new ones are inserted, as customers may swap theirs."""
        for customer in customers:
            self._database.rows("DELETE FROM contacts WHERE customer_id = ?", customer.id)
            self._database.rows(_UPSERT_CUSTOMER, customer.id, json.encode(customer).decode())
        for customer in customers:
            if customer.status != "closed":
                for contact in customer.contacts:
                    row = (*contact, customer.tenant, customer.id)
                    self._database.rows("INSERT INTO contacts VALUES (?, ?, ?, ?)", *row)

    def _save_to_outbox(self, one: Transaction | Event) -> None:
        """Add an event, or the id of a transaction, from which its events are derived, to the outbox."""
        if not isinstance(one, Transaction):
            statement = "INSERT INTO outbox (event_type, event) VALUES (?, ?)"
            self._database.rows(statement, one.NAME, json.encode(one).decode())
            return
        statement = "INSERT INTO transactions (id, created_at, body) VALUES (?, ?, ?)"
        self._database.rows(statement, one.id, one.created_at, json.encode(one).decode())
        for entry in one.entries:
            self._database.rows("INSERT INTO entries VALUES (?, ?, ?)", entry.wallet_id, entry.version, one.id)
        self._database.rows("INSERT INTO outbox (transaction_id) VALUES (?)", one.id)
