"""The base of commands: serializable data, and a pure decision on a Book."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar, Final, Protocol, TypeVar, runtime_checkable
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import force_setattr

from tekana.application.commands.validation import (
    MetadataField,
    Time,
    check_all,
    check_metadata,
    check_text,
    to_id,
    to_time,
)
from tekana.domain.answers import Answer, resource_of
from tekana.domain.audit_log import Observation, refused_entry
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.charging import charge_for, charge_locks, charged, fee_locks
from tekana.domain.errors import InvalidRequest, PayeeNotMerchant, Refused, SameWallet, invalid
from tekana.domain.identifiers import HouseRole, QuoteId, WalletId
from tekana.domain.lock_set import NO_LOCKS, HouseWalletRef, LockedState, LockSet
from tekana.domain.money import Currency, Money, normalize_amount
from tekana.domain.quotes import QUOTES, Quote, find_quote, use_quote
from tekana.domain.transaction import TRANSACTION_TYPES, Leg, Rejection, Transaction, TransactionRequest
from tekana.domain.wallet import Wallet
from tekana.domain.wallet_kinds import WALLET_KINDS

# Builds a NamedTuple of all its fields in half the time of its constructor, for what every transfer creates.
_new_tuple: Final = tuple.__new__

AnswerT = TypeVar("AnswerT", bound=Answer)
AnswerT_co = TypeVar("AnswerT_co", bound=Answer, covariant=True)


class Command(Protocol[AnswerT_co]):
    """A command of a caller, executed at most once for each idempotency key. Its answer is stored under the key.

    Attributes:
        NAME: the stable name, on a bus and in fingerprints. It never changes, even if the class is renamed.
        SCOPE: the scope that a caller needs.
        REFUSALS: the errors that `decide` raises.
        EXAMPLE: an example of a request body.
        AUDITED: whether the audit log has an entry of each that is done or refused.
        POSTS_ONLY: whether it changes nothing but balances. A small group of such commands is decided without locks.
    """

    NAME: ClassVar[str]
    SCOPE: ClassVar[Scope]
    REFUSALS: ClassVar[tuple[type[Refused], ...]]
    EXAMPLE: ClassVar[Mapping[str, Any]]
    AUDITED: ClassVar[bool]
    POSTS_ONLY: ClassVar[bool]

    def partition_key(self) -> UUID | None:
        """Return the id of the aggregate whose commands a bus keeps in order; None if it does not exist yet."""
        ...

    def locks(self) -> LockSet:
        """Return the items to lock before `decide`."""
        ...

    def decide(self, book: Book) -> AnswerT_co:
        """Change the Book and return the answer. Pure: the time and new ids come from the Book.

        A command posts at most one transaction, which is then its answer.

        Raises:
            Refused: a rule forbids the command; the Book is unchanged.
        """
        ...


@runtime_checkable
class ExtendingCommand(Command[AnswerT_co], Protocol[AnswerT_co]):
    """A command that needs more than `locks` names, as the items that are locked show."""

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return what to lock besides; empty for nothing.

        Called again with what that locks, until it names nothing new. The ids that it names must not depend on what
        other commands can change, or `decide` has to check them again.
        """
        ...


@runtime_checkable
class ChargedCommand(Command[AnswerT_co], Protocol[AnswerT_co]):
    """A command that moves money, for which there may be a fee. Asked for its locks if there are fee schedules."""

    def fee_locks(self, locked: LockedState) -> LockSet:
        """Return what its fee needs locked, as `ExtendingCommand.further_locks` does."""
        ...


@runtime_checkable
class MoneyCommand(Command[Transaction], Protocol):
    """A command that moves money. If it is refused, a rejected transaction is stored."""

    def to_request(self, book: Book) -> TransactionRequest:
        """Return the transaction request, in the fields that all types of transaction share.

        Also called after `decide` has refused the command; the Book is as it was before.

        Raises:
            Refused: the request needs an item that does not exist, such as an earlier transaction. If `decide` has
                refused the command, the refusal is stored without a transaction.
        """
        ...


def decide_audited(command: Command[AnswerT], book: Book) -> AnswerT:
    """Decide a command, and add its entry to the audit log if it is done. Raises Refused like the command."""
    observation = Observation(book, command.locks())
    answer = command.decide(book)
    book.audit_log.append(observation.done(command.NAME, resource_of(answer)))
    return answer


def record_refusal(command: Command[Answer], refusal: Refused, book: Book) -> Transaction | Rejection:
    """Return the answer of a refused command: for money, a rejected transaction, if its request is known.

    If the command is audited, it gets an entry in the audit log.
    """
    if command.AUDITED:
        book.audit_log.append(refused_entry(book, command.NAME, command.locks(), refusal))
    if isinstance(command, MoneyCommand):
        with suppress(Refused):  # the command names something that does not exist
            return book.reject(command.to_request(book), refusal)
    return book.rejection(refusal)


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base class of commands: immutable data, the same over HTTP, a bus or a file.

    Encoding omits default values, so that a new field with a default does not change existing fingerprints.

    Attributes:
        IDS: the names of the fields with identifiers; text is converted to UUIDs.
        OPTIONAL_IDS: those of IDS that may be left out.
        AUDITED: True, unless the ledger is the record of the command.
    """

    AUDITED: ClassVar[bool] = True
    POSTS_ONLY: ClassVar[bool] = False
    IDS: ClassVar[tuple[str, ...]] = ()
    OPTIONAL_IDS: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self.IDS:
            given = getattr(self, name)
            if not isinstance(given, UUID) and not (given is None and name in self.OPTIONAL_IDS):
                force_setattr(self, name, to_id(name, given))

    @property
    def has_personal_data(self) -> bool:
        """Return whether it names a person or has free text about them, which no table may have readable.

        Text about a transaction or a wallet does not count, as it is part of the ledger.
        """
        return False

    def partition_key(self) -> UUID | None:
        """Return the first of the IDS."""
        key: UUID | None = getattr(self, self.IDS[0]) if self.IDS else None
        return key


class PartialUpdate(Struct, frozen=True, kw_only=True):
    """The base of commands that change those fields of an aggregate that are given; a field that is UNSET stays.

    Attributes:
        CHANGEABLE: the names of the fields that can be changed, one at least.
    """

    CHANGEABLE: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.changes():
            raise invalid("body", f"must change something: {', '.join(self.CHANGEABLE)}")

    def changes(self) -> dict[str, object]:
        """Return the given fields with their new values."""
        given = ((name, getattr(self, name)) for name in self.CHANGEABLE)
        return {name: value for name, value in given if value is not UNSET}


class MoneyFields(Struct, frozen=True, kw_only=True):
    """The base of commands that move money between two wallets: the common fields, the locks and the decision.

    The type of the transaction is the class's tag. Its rules (TRANSACTION_TYPES) name the house wallets.

    Attributes:
        amount: a positive decimal string in major units of the currency, such as "12.50".
        currency: an ISO 4217 code.
        reference: the caller's own name for the transaction.
        effective_at: the value date; left out if it is the time of posting.
        quote_id: a quote of this very movement, whose fee and rate it has; for types that can have a fee or a rate.
    """

    SCOPE: ClassVar[Scope] = "transactions:write"
    AUDITED: ClassVar[bool] = False
    POSTS_ONLY: ClassVar[bool] = True

    amount: str
    currency: str
    description: str | None = None
    reference: str | None = None
    metadata: MetadataField | None = None
    effective_at: Time | None = None
    quote_id: QuoteId | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self._normalize_amount()
        except InvalidRequest:
            check_all(self._normalize_amount, *self._checks())
        check_all(*self._checks())

    def _normalize_amount(self) -> None:
        """Write the amount with all decimals, so that "5" and "5.00" have the same fingerprint."""
        amount = normalize_amount(self.amount, self.currency)
        if amount is not self.amount:
            force_setattr(self, "amount", amount)

    def _checks(self) -> Iterator[Callable[[], None]]:
        if (description := self.description) is not None:
            yield lambda: check_text("description", description, most=500)
        if (reference := self.reference) is not None:
            yield lambda: check_text("reference", reference, most=200, one_line=True)
        if (metadata := self.metadata) is not None:
            yield lambda: check_metadata(metadata)
        if (effective_at := self.effective_at) is not None:
            yield lambda: force_setattr(self, "effective_at", to_time("effective_at", effective_at))
        if self.quote_id is not None:
            yield self._check_quote_id

    def _check_quote_id(self) -> None:
        force_setattr(self, "quote_id", to_id("quote_id", self.quote_id))
        type_: Any = self.__struct_config__.tag
        if not TRANSACTION_TYPES[type_].fee_payers:
            raise invalid("quote_id", f"is for movements that can have a fee or a rate, not for a {type_}")

    @property
    def money(self) -> Money:
        """The amount."""
        currency: Any = self.currency  # a call of Currency would take a tenth of this method's time
        return Money(int(self.amount.replace(".", "")), currency)  # normalized: it has all decimals

    def wallet_ids(self) -> tuple[WalletId, ...]:
        """Return the customers' wallets that the command names, the payer's first: those of IDS."""
        return tuple([getattr(self, name) for name in self.IDS])

    def locks(self) -> LockSet:
        """Return the named wallets, and the house wallets of the type."""
        type_: Any = self.__struct_config__.tag
        roles = TRANSACTION_TYPES[type_].house_roles
        houses = _house_wallets(roles, self.currency) if roles else ()
        quote = () if self.quote_id is None else (QUOTES.ref(self.quote_id),)
        return _new_tuple(LockSet, (self.wallet_ids(), houses, quote))

    def party_ids(self, book: Book) -> tuple[WalletId, ...]:  # noqa: ARG002 - for those that the Book resolves
        """Return the wallets of the payer and the payee that are customers', the payer's first."""
        return self.wallet_ids()

    def to_request(self, book: Book) -> TransactionRequest:
        """Return the request for a transaction of the class's type."""
        type_: Any = self.__struct_config__.tag
        rules, amount, ids = TRANSACTION_TYPES[type_], self.money, self.party_ids(book)
        from_wallet_id, to_wallet_id = rules.parties(ids, amount.currency) if rules.has_house_party else ids
        return TransactionRequest(
            type=type_,
            amount=amount,
            from_wallet_id=from_wallet_id,
            to_wallet_id=to_wallet_id,
            description=self.description,
            reference=self.reference,
            metadata=self.metadata,
            effective_at=self.effective_at,
        )

    def fee_locks(self, locked: LockedState) -> LockSet:
        """Return what the fee of the quote, or of the type, needs locked."""
        if self.quote_id is not None:
            quote = locked.of(QUOTES).get(self.quote_id)
            return NO_LOCKS if quote is None or quote.charge is None else charge_locks(quote.charge)
        type_, currency = self.__struct_config__.tag, Currency(self.currency)
        return fee_locks(locked, str(type_), currency, self.wallet_ids()[0])

    def quote(self, book: Book, request: TransactionRequest) -> Quote | None:
        """Return the quote that the command names; None for none. Raises the refusals of `find_quote`."""
        return None if self.quote_id is None else find_quote(book, self.quote_id, request)

    def price(self, book: Book) -> TransactionRequest:
        """Return the request with its fee of now, without a quote."""
        request = self.to_request(book)
        return replace(request, charge=charge_for(book, request, *parties(book, request)))

    def decide(self, book: Book) -> Transaction:
        """Post the legs, with those of the fee."""
        request = self.to_request(book)
        payer, payee = parties(book, request)
        legs = self.legs(book, request, payer, payee)
        if self.quote_id is None and not book.locked.terms.fees:  # as mostly
            return book.post(request, legs)
        quote = self.quote(book, request)
        charge = charge_for(book, request, payer, payee) if quote is None else quote.charge
        posted = book.post(*charged(book, request, legs, payer, payee, charge))
        if quote is not None:
            use_quote(book, quote, posted)
        return posted

    def legs(self, book: Book, request: TransactionRequest, payer: Wallet, payee: Wallet) -> Sequence[Leg]:  # noqa: ARG002 - further legs need the Book
        """Return the legs to post but those of a fee: the amount leaves the payer and enters the payee."""
        minor, currency = request.amount.minor, request.amount.currency
        return _new_tuple(Leg, (payer, -minor, currency)), _new_tuple(Leg, (payee, minor, currency))


@cache
def _house_wallets(roles: tuple[HouseRole, ...], currency: str) -> tuple[HouseWalletRef, ...]:
    return tuple(HouseWalletRef(role, Currency(currency)) for role in roles)


def parties(book: Book, request: TransactionRequest) -> tuple[Wallet, Wallet]:
    """Return the payer's and the payee's wallet, both locked.

    Raises:
        WalletNotFound, CurrencyMismatch: one of them is not a customer's wallet in the currency of the amount.
        SameWallet: they are one wallet.
        PayeeNotMerchant: the payee's wallet is of a kind that transactions of the type cannot pay into.
    """
    rules: Any = TRANSACTION_TYPES[request.type]
    currency = request.amount.currency
    if not rules.has_house_party:
        payer = book.customer_wallet(request.from_wallet_id, currency)
        payee = book.payee_wallet(request.to_wallet_id, currency)
        if payer is payee:
            raise SameWallet("a wallet cannot pay itself")
        if request.type in WALLET_KINDS[payee.kind].not_paid_by:
            raise PayeeNotMerchant(f"wallet {payee.id} is a {payee.kind} one: a {request.type} goes to a merchant's")
        return payer, payee
    # Customers' wallets first: their refusals leave the Book unchanged, while a house wallet may be opened.
    customers_payer = None if rules.payer else book.customer_wallet(request.from_wallet_id, currency)
    customers_payee = None if rules.payee else book.customer_wallet(request.to_wallet_id, currency)
    return (
        customers_payer or book.house_wallet(rules.payer, currency),
        customers_payee or book.house_wallet(rules.payee, currency),
    )
