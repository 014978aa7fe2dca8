"""The Book: everything locked for one unit of work, and what was decided on it so far.

Every change to a customer, a wallet or money is decided here, by pure code. A decision checks everything before it
changes anything, so a refused one leaves no trace. What was decided is read off the Book by the store that keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from itertools import count
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from tekana.domain.customer import Contact, Customer
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    InsufficientFunds,
    LimitExceeded,
    Refused,
    WalletNotFound,
)
from tekana.domain.events import Event
from tekana.domain.identifiers import RANDOM_BITS, CustomerId, TransactionId, WalletId, first_transaction_id
from tekana.domain.money import BALANCE_MAX_MINOR, Currency
from tekana.domain.transaction import Entry, Leg, Rejection, Transaction, TransactionRequest
from tekana.domain.wallet import Wallet


class LockSet(NamedTuple):
    """What a command needs locked before it is decided.

    `customers` brings each customer with all their wallets; `contacts` tells which of them are taken, and by whom.
    """

    wallets: tuple[WalletId, ...] = ()
    customers: tuple[CustomerId, ...] = ()
    contacts: tuple[Contact, ...] = ()


class LockedState(NamedTuple):
    """What a store found, now locked: nobody else changes it until the unit ends. What is not there is absent."""

    now: datetime
    wallets: dict[WalletId, Wallet]
    customers: dict[CustomerId, Customer]
    contacts: dict[Contact, CustomerId]


class CustomerWithWallets(NamedTuple):
    """A customer and all their wallets, in the order they were opened."""

    customer: Customer
    wallets: tuple[Wallet, ...]


_TICK: Final = timedelta(microseconds=1)

BatchMode = Literal["atomic", "independent"]
"""Whether the transactions of a batch are done all or none, or each on its own."""


class BatchRecord(NamedTuple):
    """What a batch's own key leads to: that it was used for so many transactions, each under a key of its own."""

    mode: BatchMode
    size: int


Answer = Transaction | Wallet | CustomerWithWallets | Rejection | BatchRecord
"""What a command led to, for good: kept under its idempotency key and given again to whoever repeats it."""


_WALLET_FIELDS = tuple(one.name for one in fields(Wallet))
_wallet_values = attrgetter(*_WALLET_FIELDS)


class Savepoint(NamedTuple):
    """A point to go back to: how some wallets stood, and how much had happened."""

    wallets: list[tuple[Wallet, tuple[Any, ...]]]
    happened: int
    moved: int


@dataclass(slots=True)
class Book:
    """The locked aggregates of one unit of work. The only place where anything changes.

    `numbers` count up, also from one Book of a process to the next. `caller` and `request_id` are those of the command
    being decided. `outbox` lists what happened in order:
    transactions (whose events follow from them) and the events of everything else. `wallets_with_entries` had entries
    posted; `changed_wallets` changed in other ways, and perhaps in that one too.
    """

    locked: LockedState
    new_id: Callable[[], UUID]
    default_currency: Currency
    numbers: Iterator[int] = field(default_factory=count)
    caller: str = ""
    request_id: str | None = None
    outbox: list[Transaction | Event] = field(default_factory=list)
    wallets_with_entries: dict[WalletId, Wallet] = field(default_factory=dict)
    changed_wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    opened_wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    changed_customers: dict[CustomerId, Customer] = field(default_factory=dict)
    registered_customers: dict[CustomerId, Customer] = field(default_factory=dict)
    _id_prefix: tuple[datetime | None, int] = (None, 0)

    @property
    def now(self) -> datetime:
        """The moment of the unit of work, by the store's clock."""
        return self.locked.now

    @property
    def transactions(self) -> list[Transaction]:
        """The transactions among what happened, in order."""
        return [one for one in self.outbox if isinstance(one, Transaction)]

    # ------------------------------------------------------------------ reading

    def customer(self, customer_id: CustomerId) -> Customer:
        """Raises CustomerNotFound if there is none."""
        try:
            return self.locked.customers[customer_id]
        except KeyError:
            raise CustomerNotFound(f"no customer has the id {customer_id}") from None

    def wallets_of(self, customer_id: CustomerId) -> list[Wallet]:
        """The customer's wallets, in the order they were opened."""
        wallets = (wallet for wallet in self.locked.wallets.values() if wallet.customer_id == customer_id)
        return sorted(wallets, key=lambda wallet: (wallet.created_at, wallet.id))

    def customer_wallet(self, wallet_id: WalletId, currency: str | None = None) -> Wallet:
        """A wallet that a command may name: never one of the operator's own.

        Raises:
            WalletNotFound: there is none.
            CurrencyMismatch: its currency is not the one given.
        """
        wallet = self.locked.wallets.get(wallet_id)
        if wallet is None or wallet.house is not None:
            raise WalletNotFound(f"no wallet has the id {wallet_id}")
        if currency is not None and wallet.currency != currency:
            raise CurrencyMismatch(f"wallet {wallet_id} holds {wallet.currency}, not {currency}")
        return wallet

    def with_wallets(self, customer: Customer) -> CustomerWithWallets:
        """The customer as they are now: copies, which later decisions do not change."""
        return CustomerWithWallets(replace(customer), tuple(replace(wallet) for wallet in self.wallets_of(customer.id)))

    # ------------------------------------------------------------------ customers and wallets

    def require_contacts_unused(self, contacts: Sequence[Contact], customer_id: CustomerId | None = None) -> None:
        """Raises CustomerExists if anyone but this customer has one of the contacts."""
        for contact in contacts:
            owner = self.locked.contacts.get(contact)
            if owner is not None and owner != customer_id:
                raise CustomerExists(f"another customer has this {contact.field.replace('_', ' ')}")

    def register(self, customer: Customer, event: Event) -> None:
        """Add a new customer."""
        self.locked.customers[customer.id] = customer
        self.take_contacts(customer)
        self.registered_customers[customer.id] = customer
        self.outbox.append(event)

    def open_wallet(self, wallet: Wallet, event: Event) -> None:
        """Add a new wallet. The house wallets of its currency come to be with the first."""
        self.locked.wallets[wallet.id] = wallet
        self.opened_wallets[wallet.id] = wallet
        self.outbox.append(event)

    def change_customer(self, customer: Customer) -> int:
        """Note that the customer changes now. The new version is the sequence of the event to `record`."""
        customer.version += 1
        customer.updated_at = max(self.now, customer.updated_at)
        self.changed_customers[customer.id] = customer
        return customer.version

    def change_wallet(self, wallet: Wallet) -> int:
        """Note that the wallet changes now. Gives the sequence of the event to `record`."""
        wallet.sequence += 1
        wallet.updated_at = max(self.now, wallet.updated_at)
        self.changed_wallets[wallet.id] = wallet
        return wallet.sequence

    def propagate_status(self, customer: Customer) -> None:
        """Repeat on the customer's wallets whether their money may move."""
        for wallet in self.wallets_of(customer.id):
            wallet.customer_active = customer.active
            self.changed_wallets[wallet.id] = wallet

    def take_contacts(self, customer: Customer) -> None:
        """Let nobody else have what the customer now has."""
        self.locked.contacts.update(dict.fromkeys(customer.contacts, customer.id))

    def release_contacts(self, customer: Customer) -> None:
        """Let others have what only this customer had."""
        taken = self.locked.contacts
        for contact in [contact for contact, owner in taken.items() if owner == customer.id]:
            del taken[contact]

    def record(self, event: Event) -> None:
        """Tell the world, once the unit of work is done."""
        self.outbox.append(event)

    # ------------------------------------------------------------------ money

    def post(self, movement: TransactionRequest, legs: Sequence[Leg]) -> Transaction:
        """Post balanced legs, all or none.

        Raises:
            Refused: the one that says which rule objected.
        """
        currency = movement.money.currency
        moment = self.locked.now
        total = 0
        wallets = []
        for leg in legs:
            wallet = self.locked.wallets.get(leg.wallet_id)
            if wallet is None:
                raise WalletNotFound(f"no wallet has the id {leg.wallet_id}")
            _check(wallet, leg.minor, currency)
            if wallet.updated_at > self.locked.now:  # a wallet's history never runs backwards, whatever a clock does
                last = wallet.updated_at
                moment = max(moment, last if wallet.id in self.wallets_with_entries else last + _TICK)
            wallets.append(wallet)
            total += leg.minor
        assert total == 0, "legs must sum to zero"  # noqa: S101 - a bug of ours, not bad input
        entries = tuple([self._apply(leg, wallet, moment) for leg, wallet in zip(legs, wallets, strict=True)])
        transaction = Transaction(
            id=self._new_transaction_id(moment),
            request=movement,
            status="posted",
            entries=entries,
            created_by=self.caller,
            created_at=moment,
            posted_at=moment,
        )
        self.outbox.append(transaction)
        return transaction

    def reject(self, movement: TransactionRequest, refusal: Refused) -> Transaction:
        """Keep the record of a movement that was refused."""
        transaction = Transaction(
            id=self._new_transaction_id(self.now),
            request=movement,
            status="rejected",
            rejection=self.rejection(refusal),
            created_by=self.caller,
            created_at=self.now,
        )
        self.outbox.append(transaction)
        return transaction

    def savepoint(self, wallet_ids: Iterable[WalletId]) -> Savepoint:
        """A point for `rollback_to` to go back to, if no money moves meanwhile but into and out of these wallets."""
        locked = self.locked.wallets
        found = [locked[one] for one in wallet_ids if one in locked]
        return Savepoint(
            [(wallet, _wallet_values(wallet)) for wallet in found], len(self.outbox), len(self.wallets_with_entries)
        )

    def rollback_to(self, savepoint: Savepoint) -> None:
        """Take back the money that was posted since the mark: as if it had never been decided."""
        for wallet, values in savepoint.wallets:
            for name, value in zip(_WALLET_FIELDS, values, strict=True):
                setattr(wallet, name, value)
        del self.outbox[savepoint.happened :]
        while len(self.wallets_with_entries) > savepoint.moved:  # what is new in a dict stands at its end
            self.wallets_with_entries.popitem()

    def rejection(self, refusal: Refused) -> Rejection:
        """A refusal as it is kept, with the id of the request that was refused."""
        return Rejection(type(refusal).__name__, refusal.code, str(refusal), self.request_id)

    def _new_transaction_id(self, moment: datetime) -> TransactionId:
        if moment is not self._id_prefix[0]:  # mostly it is the same for a whole group
            noise = self.new_id().int & ((1 << RANDOM_BITS) - 1)
            self._id_prefix = moment, first_transaction_id(moment).int | noise
        return TransactionId(UUID(int=self._id_prefix[1] | next(self.numbers) << RANDOM_BITS))

    def _apply(self, leg: Leg, wallet: Wallet, moment: datetime) -> Entry:
        wallet.ledger_balance += leg.minor
        wallet.version += 1
        wallet.sequence += 1
        wallet.updated_at = moment
        self.wallets_with_entries[wallet.id] = wallet
        return Entry(wallet.id, wallet.version, wallet.sequence, leg.minor, wallet.currency, wallet.ledger_balance)


def _check(wallet: Wallet, minor: int, currency: Currency) -> None:
    if wallet.currency != currency:
        raise CurrencyMismatch(f"wallet {wallet.id} holds {wallet.currency}, not {currency}")
    if not wallet.customer_active:
        raise CustomerNotActive(f"the customer of wallet {wallet.id} is not active")
    if wallet.status != "active":
        wallet.require_moves(debit=minor < 0)
    after = wallet.ledger_balance + minor
    if minor < 0 and after < wallet.held and not wallet.may_overdraw:
        raise InsufficientFunds(f"wallet {wallet.id} does not have that much available")
    if not -BALANCE_MAX_MINOR <= after <= BALANCE_MAX_MINOR:
        raise LimitExceeded(f"wallet {wallet.id} cannot hold that much")
