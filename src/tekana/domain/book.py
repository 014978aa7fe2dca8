"""The Book: the locked aggregates of one unit of work, and the changes decided on them so far.

Every change to a customer, a wallet or money is decided here, by pure code. A decision checks everything before it
changes anything, so a refused command changes nothing. A store saves the changes that the Book has collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, Literal
from uuid import UUID

from tekana.domain.answers import CustomerWithWallets
from tekana.domain.approvals import NO_APPROVALS, ApprovalRules
from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import Caller
from tekana.domain.changes import Changes
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact, Customer
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerExists,
    CustomerNotFound,
    LimitExceeded,
    Refused,
    WalletNotFound,
)
from tekana.domain.events import Event
from tekana.domain.identifiers import (
    HOUSE_ROLES_LATER,
    RANDOM_BITS,
    CustomerId,
    HouseRole,
    TransactionId,
    WalletId,
    WebhookEndpointId,
    first_transaction_id,
    house_wallet_id,
)
from tekana.domain.limit_rules import LimitRules, Undone, copy_limits, share_usage
from tekana.domain.lock_set import IdT, ItemT, LockedState, LockKind
from tekana.domain.money import Currency
from tekana.domain.policy import can_access, can_access_wallet, can_pay_into
from tekana.domain.posting_rules import require_balanced, require_one_tenant, require_postable
from tekana.domain.savepoint import Savepoint
from tekana.domain.transaction import Entry, Leg, Rejection, Transaction, TransactionRequest, first_state
from tekana.domain.wallet import WALLETS, WALLETS_PER_CUSTOMER_MAX, Wallet, house_wallets, new_house_wallet

_TICK: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class Book:
    """The locked aggregates of one unit of work. All changes to them go through its methods.

    Attributes:
        locked: the aggregates as the store read them.
        new_secret: returns a random secret of a webhook endpoint, in the form in which it is stored: encrypted.
        hash_secret: returns the keyed hash of the digest of an API key's secret (see `tekana.ports.credentials`).
        numbers: increasing numbers for transaction ids, shared by all Books of a process.
        caller, request_id, address: those of the command that is being decided; recorded with every change.
        approval_rules: which commands need the approval of a second person.
        keep_customers: the retention period of a closed customer's personal data.
        stripe: the number of the house wallet, for each role and currency, that this process posts to.
        outbox: transactions (their events are derived from them) and all other events, in order.
        changes: the aggregates that were added or changed.
        wallets_with_entries: the wallets that had entries posted, or whose usage those of another wallet changed.
        house_wallets: house wallets that the store has to open unless they exist.
        audit_log: the entries of the privileged commands.
    """

    locked: LockedState
    new_id: Callable[[], UUID]
    default_currency: Currency
    caller: Caller
    new_secret: Callable[[WebhookEndpointId], str] = field(kw_only=True)
    hash_secret: Callable[[str], str] = field(kw_only=True)
    numbers: Iterator[int] = field(default_factory=count)
    request_id: str | None = None
    address: str | None = None
    approval_rules: ApprovalRules = NO_APPROVALS
    stripe: int = 0
    keep_customers: timedelta = timedelta(0)
    outbox: list[Transaction | Event] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    wallets_with_entries: dict[WalletId, Wallet] = field(default_factory=dict)
    house_wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    audit_log: list[AuditEntry] = field(default_factory=list)
    _id_prefix: tuple[datetime | None, int] = (None, 0)
    _limit_rules: LimitRules = field(init=False)

    def __post_init__(self) -> None:
        self._limit_rules = LimitRules(self.locked.terms, self.locked.wallets)

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
        """Return a locked customer that the caller has access to. Raises CustomerNotFound."""
        customer = self.locked.of(CUSTOMERS).get(customer_id)
        if customer is None or not can_access(self.caller, customer.tenant, customer_id):
            raise CustomerNotFound(f"no customer has the id {customer_id}")
        return customer

    def wallets_of(self, customer_id: CustomerId) -> list[Wallet]:
        """Return the customer's wallets, in order of opening."""
        wallets = (wallet for wallet in self.locked.wallets.values() if wallet.customer_id == customer_id)
        return sorted(wallets, key=lambda wallet: (wallet.created_at, wallet.id))

    def customer_wallet(self, wallet_id: WalletId, currency: str | None = None) -> Wallet:
        """Return a locked wallet of a customer that the caller has access to: never a house wallet.

        Raises:
            WalletNotFound: no customer has a wallet with this id.
            CurrencyMismatch: the wallet has another currency than the one given.
        """
        return self._customer_wallet(can_access_wallet, wallet_id, currency)

    def payee_wallet(self, wallet_id: WalletId, currency: str | None = None) -> Wallet:
        """Return a locked wallet of a customer that the caller may send money to, like `customer_wallet`."""
        return self._customer_wallet(can_pay_into, wallet_id, currency)

    def _customer_wallet(
        self, is_allowed: Callable[[Caller, Wallet], bool], wallet_id: WalletId, currency: str | None
    ) -> Wallet:
        wallet = self.locked.wallets.get(wallet_id)
        if wallet is None or not is_allowed(self.caller, wallet):
            raise WalletNotFound(f"no wallet has the id {wallet_id}")
        if wallet.house is not None:
            raise WalletNotFound(
                f"wallet {wallet_id} is a house wallet ({wallet.house}), not a customer's: no command can name it"
            )
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
            if self.stripe == 0 and role not in HOUSE_ROLES_LATER:
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

    def record(self, event: Event, tenant: str | None = None) -> None:
        """Append an event to the outbox, with the caller and the request id.

        Args:
            event: the event.
            tenant: the tenant that its aggregate belongs to; None for the caller's.
        """
        origin = {"tenant": tenant or self.caller.tenant, "caller": self.caller.subject, "request_id": self.request_id}
        self.outbox.append(replace(event, **origin))  # type: ignore[arg-type]

    def require_contacts_unused(
        self, contacts: Sequence[Contact], tenant: str, customer_id: CustomerId | None = None
    ) -> None:
        """Raise CustomerExists if another customer of the tenant has one of the contacts."""
        owners = self.locked.of(CONTACTS)
        for contact in contacts:
            owner = owners.get(contact, {}).get(tenant)
            if owner is not None and owner != customer_id:
                raise CustomerExists(f"another customer has this {contact.field.replace('_', ' ')}")

    def register(self, customer: Customer) -> None:
        """Add a new customer."""
        self.add(CUSTOMERS, customer.id, customer)
        self.take_contacts(customer)
        self.record(customer.register(), customer.tenant)

    def change_customer(self, customer: Customer, event: Event) -> None:
        """Register a changed customer to be saved, and record the event."""
        self.change(CUSTOMERS, customer.id, customer)
        self.record(event, customer.tenant)

    def open_wallet(self, wallet: Wallet) -> None:
        """Add a new wallet of a customer, and the house wallets of its currency unless they exist.

        Raises:
            LimitExceeded: the customer has WALLETS_PER_CUSTOMER_MAX wallets.
        """
        owned = sum(one.customer_id == wallet.customer_id for one in self.locked.wallets.values())
        if owned >= WALLETS_PER_CUSTOMER_MAX:
            raise LimitExceeded(f"a customer has at most {WALLETS_PER_CUSTOMER_MAX} wallets")
        customer = self.locked.of(CUSTOMERS).get(wallet.customer_id) if wallet.customer_id else None
        if customer is not None:
            copy_limits(customer, wallet)
            share_usage(wallet, self.wallets_of(customer.id))
        self.locked.wallets[wallet.id] = wallet
        self.changes.added_of(WALLETS)[wallet.id] = wallet
        for one in house_wallets(wallet.currency, created_by=self.caller.subject, at=self.now):
            if one.id not in self.locked.wallets:
                self.house_wallets.setdefault(one.id, one)
        self.record(wallet.open(), wallet.tenant)

    def change_wallet(self, wallet: Wallet, event: Event) -> None:
        """Register a changed wallet to be saved, and record the event."""
        self.change(WALLETS, wallet.id, wallet)
        self.record(event, wallet.tenant)

    def propagate_status(self, customer: Customer) -> None:
        """Copy the customer's status (active or not) to their wallets."""
        for wallet in self.wallets_of(customer.id):
            wallet.customer_active = customer.active
            self.change(WALLETS, wallet.id, wallet)

    def propagate_limits(self, customer: Customer) -> None:
        """Copy what the customer's limits depend on to their wallets."""
        for wallet in self.wallets_of(customer.id):
            if copy_limits(customer, wallet):
                self.change(WALLETS, wallet.id, wallet)

    def take_contacts(self, customer: Customer) -> None:
        """Reserve the customer's contacts."""
        for contact in customer.contacts:
            self.locked.of(CONTACTS).setdefault(contact, {})[customer.tenant] = customer.id

    def release_contacts(self, customer: Customer) -> None:
        """Release the customer's contacts for other customers."""
        for owners in self.locked.of(CONTACTS).values():
            if owners.get(customer.tenant) == customer.id:
                del owners[customer.tenant]

    # ------------------------------------------------------------------ money

    def post(self, request: TransactionRequest, legs: Sequence[Leg], undone: Undone | None = None) -> Transaction:
        """Post legs that sum to zero in each currency, all or none, in the order given.

        Each leg is checked against the balance that the legs before it leave.

        Args:
            request: what is posted.
            legs: the changes of balances.
            undone: what a reversal undoes, if that was counted for limits.

        Raises:
            Refused: a leg breaks a rule; the class is that of the rule.
            TenantMismatch: the customers' wallets belong to several tenants.
            ValueError: fewer than two legs, a leg of zero, or legs that do not sum to zero: a defect of the command.
        """
        require_balanced(legs)
        tenant = require_one_tenant(legs) or self.caller.tenant
        entries: list[Entry] = []
        try:
            for wallet, amount_minor, currency in legs:
                require_postable(wallet, amount_minor, currency, legs)
                wallet.ledger_balance = balance = wallet.ledger_balance + amount_minor
                wallet.version = version = wallet.version + 1
                wallet.sequence = sequence = wallet.sequence + 1
                entries.append(Entry(wallet.id, version, sequence, amount_minor, currency, balance))
            moment = self._moment(legs)
            others_used = self._limit_rules.apply(request, legs, moment, undone)
        except Refused:
            for leg in legs[: len(entries)]:
                leg.wallet.ledger_balance -= leg.amount_minor
                leg.wallet.version -= 1
                leg.wallet.sequence -= 1
            raise
        transaction = self._transaction(moment, tenant, request, "posted", tuple(entries))
        changed = self.wallets_with_entries
        for wallet, _, _ in legs:
            wallet.updated_at = moment
            changed[wallet.id] = wallet
        for wallet in others_used:
            wallet.updated_at = max(moment, wallet.updated_at)
            changed[wallet.id] = wallet
        return transaction

    def allows_last(self, legs: Sequence[Leg]) -> bool:
        """Return whether the last leg of a transaction, into a customer's wallet, can be posted with the others."""
        last = legs[-1]
        try:
            require_postable(*last, legs)
        except Refused:
            return False
        return self._limit_rules.allow(legs, last.wallet, self.now)

    def reject(self, request: TransactionRequest, refusal: Refused) -> Transaction:
        """Record a rejected transaction and return it."""
        named = (self.locked.wallets.get(one) for one in (request.from_wallet_id, request.to_wallet_id))
        tenants = [one.tenant for one in named if one is not None and can_pay_into(self.caller, one) and not one.house]
        tenant = tenants[0] if tenants else self.caller.tenant
        return self._transaction(self.now, tenant, request, "rejected", rejection=self.rejection(refusal))

    def keep_pending(self, request: TransactionRequest, tenant: str) -> Transaction:
        """Record a transaction that posts nothing yet, and return it: see `tekana.domain.holds`."""
        return self._transaction(self.now, tenant, request, "pending")

    def rejection(self, refusal: Refused) -> Rejection:
        """Return a refusal in its stored form, with the id of the refused request."""
        family = refusal.stored_family()
        return Rejection(refusal.NAME, refusal.code, str(refusal), self.request_id, family, refusal.limit)

    def _transaction(
        self,
        moment: datetime,
        tenant: str,
        request: TransactionRequest,
        status: Literal["posted", "pending", "rejected"],
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
            tenant=tenant,
            request_id=self.request_id,
            hold=first_state(request, moment) if status == "pending" else None,
        )
        self.outbox.append(transaction)
        return transaction

    def _moment(self, legs: Sequence[Leg]) -> datetime:
        """Return the moment of posting: now, or, where a clock was set back, just after a wallet's latest change."""
        moment = now = self.locked.now
        for wallet, _, _ in legs:
            last = wallet.updated_at
            if wallet.usage_wallet_id is not None:
                last = max(last, self.locked.wallets[wallet.usage_wallet_id].updated_at)
            if last > now:
                moment = max(moment, last if wallet.id in self.wallets_with_entries else last + _TICK)
        return moment

    def _new_transaction_id(self, moment: datetime) -> TransactionId:
        if moment is not self._id_prefix[0]:  # the same for most transactions of a group
            noise = self.new_id().int & ((1 << RANDOM_BITS) - 1)
            self._id_prefix = moment, first_transaction_id(moment).int | noise
        number: Any = UUID(int=self._id_prefix[1] | next(self.numbers) << RANDOM_BITS)
        transaction_id: TransactionId = number  # without the time of a call of TransactionId
        return transaction_id

    # ------------------------------------------------------------------ rolling back

    def savepoint(self, wallet_ids: Iterable[WalletId]) -> Savepoint:
        """Return a savepoint for `rollback_to`. Only these wallets may change until then."""
        return Savepoint.of(self, wallet_ids)

    def rollback_to(self, savepoint: Savepoint) -> None:
        """Undo everything that was decided since the savepoint."""
        savepoint.restore(self)
