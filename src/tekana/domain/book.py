"""The Book: the locked aggregates of one unit of work, and the changes decided on them so far.

Every change to a customer, a wallet or money is decided here, by pure code. A decision checks everything before it
changes anything, so a refused command changes nothing. A store saves the changes that the Book has collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from itertools import count
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from tekana.domain.caller import Caller
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact, Customer
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
from tekana.domain.identifiers import (
    RANDOM_BITS,
    CustomerId,
    HouseRole,
    TransactionId,
    WalletId,
    first_transaction_id,
    house_wallet_id,
)
from tekana.domain.lock_set import IdT, ItemT, LockedState, LockKind
from tekana.domain.money import BALANCE_MAX_MINOR, Currency
from tekana.domain.transaction import Entry, Leg, Rejection, Transaction, TransactionRequest
from tekana.domain.wallet import WALLETS, WALLETS_PER_CUSTOMER_MAX, Wallet, house_wallets, new_house_wallet
from tekana.domain.webhook_answers import DeletedWebhook
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint


class CustomerWithWallets(NamedTuple):
    """A customer and all their wallets, in order of opening."""

    customer: Customer
    wallets: tuple[Wallet, ...]


_TICK: Final = timedelta(microseconds=1)

BatchMode = Literal["atomic", "independent"]
"""Whether the transactions of a batch are all posted or all rejected, or decided one by one."""


class BatchRecord(NamedTuple):
    """The answer stored under a batch's key: its mode and size. Each transaction has a key of its own."""

    mode: BatchMode
    size: int


Answer = (
    Transaction
    | Wallet
    | CustomerWithWallets
    | Rejection
    | BatchRecord
    | WebhookEndpoint
    | WebhookDelivery
    | DeletedWebhook
)
"""The result of a command, stored under its idempotency key and returned again for every repetition."""

_WALLET_FIELDS = tuple(one.name for one in fields(Wallet))
_wallet_values = attrgetter(*_WALLET_FIELDS)


@dataclass(slots=True)
class Changes:
    """The aggregates that a unit of work added or changed, by kind's name, then by id."""

    added: dict[str, dict[Any, Any]] = field(default_factory=dict)
    changed: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.added.values()) or any(self.changed.values())

    def added_of(self, kind: LockKind[IdT, ItemT]) -> dict[IdT, ItemT]:
        """Return the new items of a kind."""
        return self.added.setdefault(kind.name, {})

    def changed_of(self, kind: LockKind[IdT, ItemT]) -> dict[IdT, ItemT]:
        """Return the changed items of a kind."""
        return self.changed.setdefault(kind.name, {})


class Savepoint(NamedTuple):
    """A state to roll back to: copies of what may change, and the lengths of the collections of changes."""

    wallets: list[tuple[Wallet, tuple[Any, ...]]]
    others: dict[str, dict[Any, tuple[Any, Any]]]
    added: dict[str, dict[Any, Any]]
    changed: dict[str, dict[Any, Any]]
    outbox_size: int
    wallets_with_entries: int


@dataclass(slots=True)
class Book:
    """The locked aggregates of one unit of work. All changes to them go through its methods.

    Attributes:
        locked: the aggregates as the store read them.
        new_secret: returns a random secret, with which webhooks are signed.
        numbers: increasing numbers for transaction ids, shared by all Books of a process.
        caller, request_id: those of the command that is being decided; recorded with every change.
        stripe: the number of the house wallet, for each role and currency, that this process posts to.
        outbox: transactions (their events are derived from them) and all other events, in order.
        changes: the aggregates that were added or changed.
        wallets_with_entries: the wallets that had entries posted.
        house_wallets: house wallets that the store has to open unless they exist.
    """

    locked: LockedState
    new_id: Callable[[], UUID]
    default_currency: Currency
    caller: Caller
    new_secret: Callable[[], str] = field(kw_only=True)
    numbers: Iterator[int] = field(default_factory=count)
    request_id: str | None = None
    stripe: int = 0
    outbox: list[Transaction | Event] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    wallets_with_entries: dict[WalletId, Wallet] = field(default_factory=dict)
    house_wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    _id_prefix: tuple[datetime | None, int] = (None, 0)

    @property
    def now(self) -> datetime:
        """Return the time of the unit of work, by the store's clock."""
        return self.locked.now

    @property
    def transactions(self) -> list[Transaction]:
        """Return the transactions in the outbox, in order."""
        return [one for one in self.outbox if isinstance(one, Transaction)]

    # ------------------------------------------------------------------ reading

    def customer(self, customer_id: CustomerId) -> Customer:
        """Return a locked customer. Raises CustomerNotFound."""
        try:
            return self.locked.of(CUSTOMERS)[customer_id]
        except KeyError:
            raise CustomerNotFound(f"no customer has the id {customer_id}") from None

    def wallets_of(self, customer_id: CustomerId) -> list[Wallet]:
        """Return the customer's wallets, in order of opening."""
        wallets = (wallet for wallet in self.locked.wallets.values() if wallet.customer_id == customer_id)
        return sorted(wallets, key=lambda wallet: (wallet.created_at, wallet.id))

    def customer_wallet(self, wallet_id: WalletId, currency: str | None = None) -> Wallet:
        """Return a locked wallet of a customer: never a house wallet.

        Raises:
            WalletNotFound: no customer has a wallet with this id.
            CurrencyMismatch: the wallet has another currency than the one given.
        """
        wallet = self.locked.wallets.get(wallet_id)
        if wallet is None or wallet.house is not None:
            raise WalletNotFound(f"no wallet has the id {wallet_id}")
        if currency is not None and wallet.currency != currency:
            raise CurrencyMismatch(f"wallet {wallet_id} holds {wallet.currency}, not {currency}")
        return wallet

    def house_wallet(self, role: HouseRole, currency: Currency) -> Wallet:
        """Return the house wallet of a role and currency, of this process's stripe; open it unless it exists.

        Raises:
            WalletNotFound: no customer has a wallet in the currency, so its house wallets are not open yet.
        """
        wallet_id = house_wallet_id(role, currency, self.stripe)
        wallet = self.locked.wallets.get(wallet_id)
        if wallet is None:
            if self.stripe == 0:
                raise WalletNotFound(f"no wallet has the id {wallet_id}")
            wallet = new_house_wallet(role, currency, self.stripe, created_by=self.caller.subject, at=self.now)
            self.locked.wallets[wallet_id] = self.changes.added_of(WALLETS)[wallet_id] = wallet
        return wallet

    def with_wallets(self, customer: Customer) -> CustomerWithWallets:
        """Return copies of the customer and their wallets, which later decisions do not change."""
        return CustomerWithWallets(replace(customer), tuple(replace(wallet) for wallet in self.wallets_of(customer.id)))

    # ------------------------------------------------------------------ changing

    def add(self, kind: LockKind[IdT, ItemT], item_id: IdT, item: ItemT) -> None:
        """Add a new item of a kind."""
        self.locked.of(kind)[item_id] = item
        self.changes.added_of(kind)[item_id] = item

    def change(self, kind: LockKind[IdT, ItemT], item_id: IdT, item: ItemT) -> None:
        """Register a changed item of a kind to be saved; if `add` registered it, in its place."""
        added = self.changes.added_of(kind)
        (added if item_id in added else self.changes.changed_of(kind))[item_id] = item

    def record(self, event: Event) -> None:
        """Append an event to the outbox, with its caller and request id."""
        origin = {"tenant": self.caller.tenant, "caller": self.caller.subject, "request_id": self.request_id}
        self.outbox.append(replace(event, **origin))  # type: ignore[arg-type]

    def require_contacts_unused(self, contacts: Sequence[Contact], customer_id: CustomerId | None = None) -> None:
        """Raise CustomerExists if another customer has one of the contacts."""
        owners = self.locked.of(CONTACTS)
        for contact in contacts:
            owner = owners.get(contact)
            if owner is not None and owner != customer_id:
                raise CustomerExists(f"another customer has this {contact.field.replace('_', ' ')}")

    def register(self, customer: Customer) -> None:
        """Add a new customer."""
        self.add(CUSTOMERS, customer.id, customer)
        self.take_contacts(customer)
        self.record(customer.register())

    def change_customer(self, customer: Customer, event: Event) -> None:
        """Register a changed customer to be saved, and record the event."""
        self.change(CUSTOMERS, customer.id, customer)
        self.record(event)

    def open_wallet(self, wallet: Wallet) -> None:
        """Add a new wallet of a customer, and the house wallets of its currency unless they exist.

        Raises:
            LimitExceeded: the customer has WALLETS_PER_CUSTOMER_MAX wallets.
        """
        owned = sum(one.customer_id == wallet.customer_id for one in self.locked.wallets.values())
        if owned >= WALLETS_PER_CUSTOMER_MAX:
            raise LimitExceeded(f"a customer has at most {WALLETS_PER_CUSTOMER_MAX} wallets")
        self.locked.wallets[wallet.id] = wallet
        self.changes.added_of(WALLETS)[wallet.id] = wallet
        for one in house_wallets(wallet.currency, created_by=self.caller.subject, at=self.now):
            if one.id not in self.locked.wallets:
                self.house_wallets.setdefault(one.id, one)
        self.record(wallet.open())

    def change_wallet(self, wallet: Wallet, event: Event) -> None:
        """Register a changed wallet to be saved, and record the event."""
        self.change(WALLETS, wallet.id, wallet)
        self.record(event)

    def propagate_status(self, customer: Customer) -> None:
        """Copy the customer's status (active or not) to their wallets."""
        for wallet in self.wallets_of(customer.id):
            wallet.customer_active = customer.active
            self.change(WALLETS, wallet.id, wallet)

    def take_contacts(self, customer: Customer) -> None:
        """Reserve the customer's contacts."""
        self.locked.of(CONTACTS).update(dict.fromkeys(customer.contacts, customer.id))

    def release_contacts(self, customer: Customer) -> None:
        """Release the customer's contacts for other customers."""
        owners = self.locked.of(CONTACTS)
        for contact in [contact for contact, owner in owners.items() if owner == customer.id]:
            del owners[contact]

    # ------------------------------------------------------------------ money

    def post(self, request: TransactionRequest, legs: Sequence[Leg]) -> Transaction:
        """Post legs that sum to zero in each currency, all or none, in the order given.

        Each leg is checked against the balance that the legs before it leave.

        Raises:
            Refused: a leg breaks a rule; the class is that of the rule.
            ValueError: fewer than two legs, a leg of zero, or legs that do not sum to zero: a defect of the command.
        """
        _require_balanced(legs)
        entries: list[Entry] = []
        try:
            for wallet, amount_minor, currency in legs:
                _require_postable(wallet, amount_minor, currency)
                wallet.ledger_balance = balance = wallet.ledger_balance + amount_minor
                wallet.version = version = wallet.version + 1
                wallet.sequence = sequence = wallet.sequence + 1
                entries.append(Entry(wallet.id, version, sequence, amount_minor, currency, balance))
        except Refused:
            for leg in legs[: len(entries)]:
                leg.wallet.ledger_balance -= leg.amount_minor
                leg.wallet.version -= 1
                leg.wallet.sequence -= 1
            raise
        moment = self._moment(legs)
        transaction = self._transaction(moment, request, "posted", tuple(entries))
        for wallet, _, _ in legs:
            wallet.updated_at = moment
            self.wallets_with_entries[wallet.id] = wallet
        return transaction

    def reject(self, request: TransactionRequest, refusal: Refused) -> Transaction:
        """Record a rejected transaction and return it."""
        return self._transaction(self.now, request, "rejected", rejection=self.rejection(refusal))

    def rejection(self, refusal: Refused) -> Rejection:
        """Return a refusal in its stored form, with the id of the refused request."""
        return Rejection(refusal.NAME, refusal.code, str(refusal), self.request_id, refusal.stored_family())

    def _transaction(
        self,
        moment: datetime,
        request: TransactionRequest,
        status: Literal["posted", "rejected"],
        entries: tuple[Entry, ...] = (),
        rejection: Rejection | None = None,
    ) -> Transaction:
        transaction = Transaction(
            id=self._new_transaction_id(moment),
            request=request,
            status=status,
            entries=entries,
            rejection=rejection,
            created_by=self.caller.subject,
            created_at=moment,
            posted_at=moment if entries else None,
            tenant=self.caller.tenant,
            request_id=self.request_id,
        )
        self.outbox.append(transaction)
        return transaction

    def _moment(self, legs: Sequence[Leg]) -> datetime:
        """Return the moment of posting: now, or, where a clock was set back, just after a wallet's latest change."""
        moment = self.locked.now
        for leg in legs:
            last = leg.wallet.updated_at
            if last > self.locked.now:
                moment = max(moment, last if leg.wallet.id in self.wallets_with_entries else last + _TICK)
        return moment

    def _new_transaction_id(self, moment: datetime) -> TransactionId:
        if moment is not self._id_prefix[0]:  # the same for most transactions of a group
            noise = self.new_id().int & ((1 << RANDOM_BITS) - 1)
            self._id_prefix = moment, first_transaction_id(moment).int | noise
        return TransactionId(UUID(int=self._id_prefix[1] | next(self.numbers) << RANDOM_BITS))

    # ------------------------------------------------------------------ rolling back

    def savepoint(self, wallet_ids: Iterable[WalletId]) -> Savepoint:
        """Return a savepoint for `rollback_to`. Only these wallets may change until then."""
        wallets = self.locked.wallets
        found = [wallets[one] for one in wallet_ids if one in wallets]
        return Savepoint(
            [(wallet, _wallet_values(wallet)) for wallet in found],
            {kind: {key: (one, copy(one)) for key, one in items.items()} for kind, items in self.locked.others.items()},
            {kind: dict(items) for kind, items in self.changes.added.items()},
            {kind: dict(items) for kind, items in self.changes.changed.items()},
            len(self.outbox),
            len(self.wallets_with_entries),
        )

    def rollback_to(self, savepoint: Savepoint) -> None:
        """Undo everything that was decided since the savepoint."""
        for wallet, values in savepoint.wallets:
            for name, value in zip(_WALLET_FIELDS, values, strict=True):
                setattr(wallet, name, value)
        for wallet_id in self.changes.added_of(WALLETS).keys() - savepoint.added.get(WALLETS.name, {}).keys():
            del self.locked.wallets[wallet_id]
        for kind, items in savepoint.others.items():
            self.locked.others[kind] = {key: _restored(one, before) for key, (one, before) in items.items()}
        for kind in self.locked.others.keys() - savepoint.others.keys():
            self.locked.others[kind].clear()
        self.changes.added = {kind: dict(items) for kind, items in savepoint.added.items()}
        self.changes.changed = {kind: dict(items) for kind, items in savepoint.changed.items()}
        del self.outbox[savepoint.outbox_size :]
        while len(self.wallets_with_entries) > savepoint.wallets_with_entries:  # a dict keeps the order of insertion
            self.wallets_with_entries.popitem()


def _require_balanced(legs: Sequence[Leg]) -> None:
    """Raise ValueError unless there are two or more legs, none is zero, and they sum to zero in each currency."""
    if len(legs) == 2 and legs[0].currency == legs[1].currency:
        first, second = legs[0].amount_minor, legs[1].amount_minor
        if first and first + second == 0:
            return
    sums: dict[Currency, int] = {}
    for leg in legs:
        sums[leg.currency] = sums.get(leg.currency, 0) + leg.amount_minor
    if len(legs) < 2 or any(sums.values()) or not all(leg.amount_minor for leg in legs):
        raise ValueError(f"legs must be two or more, none zero, and sum to zero in each currency: {sums}")


def _require_postable(wallet: Wallet, amount_minor: int, currency: Currency) -> None:
    """Raise the Refused of the first rule that forbids this amount to enter or leave the wallet."""
    if wallet.currency != currency:
        raise CurrencyMismatch(f"wallet {wallet.id} holds {wallet.currency}, not {currency}")
    if not wallet.customer_active:
        raise CustomerNotActive(f"the customer of wallet {wallet.id} is not active")
    if wallet.status != "active":
        wallet.require_moves(debit=amount_minor < 0)
    after = wallet.ledger_balance + amount_minor
    if amount_minor < 0 and after < wallet.held and wallet.house is None:
        raise InsufficientFunds(f"wallet {wallet.id} does not have that much available")
    if not -BALANCE_MAX_MINOR <= after <= BALANCE_MAX_MINOR:
        raise LimitExceeded(f"wallet {wallet.id} cannot hold that much")


def _restored(item: Any, before: Any) -> Any:
    """Return a locked item in its earlier state: the same object with its fields reset, or the value itself."""
    if hasattr(before, "__dataclass_fields__") and not before.__dataclass_params__.frozen:
        for one in fields(before):
            setattr(item, one.name, getattr(before, one.name))
        return item
    return before
