"""The unit of work: one SQLite transaction. SQLite has one writer at a time, so to begin is to lock everything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from msgspec import json

from tekana.domain.book import Answer, BatchRecord, Book, CustomerWithWallets, LockedState, LockSet
from tekana.domain.customer import Customer
from tekana.domain.events import Event
from tekana.domain.identifiers import CustomerId
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import Wallet, house_wallets
from tekana.ports.clock import Clock
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord

from .database import Database

_ANSWERS: dict[str, type[Answer]] = {
    kind.__name__: kind for kind in (Transaction, Wallet, CustomerWithWallets, Rejection, BatchRecord)
}
_UPSERT = "INSERT INTO {} (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
_KEEP_CUSTOMER, _KEEP_WALLET = _UPSERT.format("customers"), _UPSERT.format("wallets")


def claimed(fingerprint: int, kind: str, body: str) -> IdempotencyRecord:
    """Read what a key led to."""
    return IdempotencyRecord(fingerprint, json.decode(body, type=_ANSWERS[kind]))


class SqliteUnitOfWork:
    """Implements tekana.ports.unit_of_work.UnitOfWork. The store has begun the transaction; `save` commits it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        """The keys among these that were used before."""
        statement = "SELECT fingerprint, kind, body FROM keys WHERE caller = ? AND key = ?"
        return {key: claimed(*row) for key in keys for row in self._database.rows(statement, *key)}

    async def lock(self, locks: LockSet) -> LockedState:
        """Read what is touched; nobody else can write until the unit ends."""
        rows = self._database.rows
        customers = [
            json.decode(body, type=Customer)
            for customer_id in locks.customers
            for [body] in rows("SELECT body FROM customers WHERE id = ?", customer_id)
        ]
        bodies = [
            *(row for one in locks.wallets for row in rows("SELECT body FROM wallets WHERE id = ?", one)),
            *(row for one in locks.customers for row in rows("SELECT body FROM wallets WHERE customer_id = ?", one)),
        ]
        wallets = sorted((json.decode(body, type=Wallet) for [body] in bodies), key=lambda wallet: wallet.id)
        taken = "SELECT customer_id FROM contacts WHERE field = ? AND value = ?"
        return LockedState(
            now=self._clock(),
            wallets={wallet.id: wallet for wallet in wallets},
            customers={customer.id: customer for customer in customers},
            contacts={
                contact: CustomerId(UUID(owner)) for contact in locks.contacts for [owner] in rows(taken, *contact)
            },
        )

    async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        """Keep everything on the Book, and the keys: all of it is there after the commit, or none."""
        self._keep_customers((book.changed_customers | book.registered_customers).values())
        for wallet in book.opened_wallets.values():
            for house in house_wallets(wallet.currency, created_by=book.caller, at=wallet.created_at):
                statement = "INSERT INTO wallets (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING"
                self._database.rows(statement, house.id, json.encode(house).decode())
        for wallet in (book.opened_wallets | book.wallets_with_entries | book.changed_wallets).values():
            self._database.rows(_KEEP_WALLET, wallet.id, json.encode(wallet).decode())
        for one in book.outbox:
            self._keep_happening(one)
        for key, (fingerprint, answer) in claims.items():
            kept = (*key, fingerprint, type(answer).__name__, json.encode(answer).decode())
            self._database.rows("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", *kept)
        self._database.rows("COMMIT")

    def _keep_customers(self, customers: Iterable[Customer]) -> None:
        """Contacts are all given back before any is taken: customers may swap theirs."""
        for customer in customers:
            self._database.rows("DELETE FROM contacts WHERE customer_id = ?", customer.id)
            self._database.rows(_KEEP_CUSTOMER, customer.id, json.encode(customer).decode())
        for customer in customers:
            if customer.status != "closed":
                for contact in customer.contacts:
                    self._database.rows("INSERT INTO contacts VALUES (?, ?, ?)", *contact, customer.id)

    def _keep_happening(self, one: Transaction | Event) -> None:
        """A transaction is kept once; the outbox only names it, and its events follow from it."""
        if not isinstance(one, Transaction):
            statement = "INSERT INTO outbox (event_type, event) VALUES (?, ?)"
            self._database.rows(statement, type(one).__name__, json.encode(one).decode())
            return
        statement = "INSERT INTO transactions (id, created_at, body) VALUES (?, ?, ?)"
        self._database.rows(statement, one.id, one.created_at, json.encode(one).decode())
        for entry in one.entries:
            self._database.rows("INSERT INTO entries VALUES (?, ?, ?)", entry.wallet_id, entry.version, one.id)
        self._database.rows("INSERT INTO outbox (transaction_id) VALUES (?)", one.id)
