"""The transaction: entries that sum to zero per currency, a hold, or the record of a refused money command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.events import (
    BalanceAdjusted,
    Event,
    FundsCaptured,
    FundsDeposited,
    FundsExchanged,
    FundsReversed,
    FundsTransferred,
    FundsWithdrawn,
    HoldAuthorized,
    PaymentMade,
    TransactionEvent,
    TransactionRejected,
    TransactionType,
    WalletCredited,
    WalletDebited,
)
from tekana.domain.fees import Charge, FeePayer
from tekana.domain.hold_state import HoldDetails, HoldState
from tekana.domain.identifiers import HouseRole, TransactionId, WalletId, house_wallet_id
from tekana.domain.limits import ReachedLimit
from tekana.domain.metadata import Metadata
from tekana.domain.money import Currency, Money, format_minor
from tekana.domain.value import value

if TYPE_CHECKING:
    from tekana.domain.wallet import Wallet

TransactionStatus = Literal["posted", "pending", "captured", "voided", "expired", "rejected"]
"""Those between `posted` and `rejected` are of holds only: see HoldStatus."""

Direction = Literal["debit", "credit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTypeRules:
    """The rules of one type of transaction.

    Attributes:
        event: the class of the event of a posted transaction.
        payer, payee: the house role of the paying or the paid wallet; None if the request names the wallet.
        either: the house role of the payer or the payee, whichever the request says; the other one is a customer's
            wallet. None for types of one direction.
        is_hold: whether it holds money instead of posting it, so that it has no entries.
        is_reversible: whether posted ones can be reversed.
        fee_payers: who may pay a fee for it; empty if it has no fees.
        counts_for_limits: whether it counts for the limits of the customers who pay and are paid.
        further: the house roles of further wallets that may have legs, such as `fees`. All other legs are debits of the
            payer and credits of the payee; the audit checks that.
        details: the class of `TransactionRequest.details`; None if the type has no details.
        house_roles: all house roles above, without repetition.
        has_house_party: whether the payer or the payee is always a house wallet.
    """

    event: type[TransactionEvent]
    payer: HouseRole | None = None
    payee: HouseRole | None = None
    either: HouseRole | None = None
    counts_for_limits: bool = True
    further: tuple[HouseRole, ...] = ()
    details: type[Any] | None = None
    is_hold: bool = False
    is_reversible: bool = True
    fee_payers: tuple[FeePayer, ...] = ()
    house_roles: tuple[HouseRole, ...] = field(init=False)
    has_house_party: bool = field(init=False)

    def __post_init__(self) -> None:
        named = (self.payer, self.payee, self.either, *self.further)
        roles = dict.fromkeys(role for role in named if role is not None)
        object.__setattr__(self, "house_roles", tuple(roles))
        object.__setattr__(self, "has_house_party", self.payer is not None or self.payee is not None)

    def parties(self, wallet_ids: Sequence[WalletId], currency: Currency) -> tuple[WalletId, WalletId]:
        """Return the payer's and the payee's wallet.

        Args:
            wallet_ids: those of the two that are customers' wallets, the payer's first.
            currency: the currency of the house wallets.
        """
        named = iter(wallet_ids)
        payer = next(named) if self.payer is None else house_wallet_id(self.payer, currency)
        return payer, next(named) if self.payee is None else house_wallet_id(self.payee, currency)


@value()
class AdjustmentDetails:
    """The details of an adjustment: why the balance was wrong."""

    reason: str


@value()
class ReversalDetails:
    """The details of a reversal: what of the original's amount it gives back, in minor units, and why.

    Attributes:
        keep_fees: whether the operator keeps the fee of what is given back.
    """

    of_original: int
    reason: str | None = None
    keep_fees: bool = False


@value()
class ExchangeDetails:
    """The details of an exchange: what the payee gets, in minor units of the other currency, and at which price.

    Attributes:
        base, quote: the pair of the rate.
        price: of one unit of the base, in the quote currency: the bid if the payer gave the base, else the ask.
    """

    received: int
    received_currency: Currency
    base: Currency
    quote: Currency
    price: str

    def event_fields(self) -> dict[str, str]:
        """Return the fields of the event of an exchange that other events have not."""
        received = format_minor(self.received, self.received_currency)
        about = {"received": received, "received_currency": self.received_currency}
        return {**about, "base": self.base, "quote": self.quote, "price": self.price}


@value()
class CaptureDetails:
    """The details of a capture for the payer of an earlier transaction, of whose reversal the hold is the rest.

    Attributes:
        reverses: the earlier transaction.
    """

    reverses: TransactionId


TRANSACTION_TYPES: Final[dict[TransactionType, TransactionTypeRules]] = {
    "deposit": TransactionTypeRules(event=FundsDeposited, payer="settlement", fee_payers=("payee",)),
    "withdrawal": TransactionTypeRules(event=FundsWithdrawn, payee="settlement", fee_payers=("payer",)),
    "transfer": TransactionTypeRules(event=FundsTransferred, fee_payers=("payer", "payee")),
    "payment": TransactionTypeRules(event=PaymentMade, fee_payers=("payer", "payee")),
    "adjustment": TransactionTypeRules(
        event=BalanceAdjusted,
        either="suspense",
        counts_for_limits=False,
        is_reversible=False,
        details=AdjustmentDetails,
    ),
    "exchange": TransactionTypeRules(
        event=FundsExchanged, further=("exchange",), details=ExchangeDetails, fee_payers=("payer",)
    ),
    "hold": TransactionTypeRules(event=HoldAuthorized, details=HoldDetails, is_hold=True, is_reversible=False),
    # What is held is the amount, so that a fee of the payer's could not always be paid.
    "capture": TransactionTypeRules(event=FundsCaptured, details=CaptureDetails, fee_payers=("payee",)),
    "reversal": TransactionTypeRules(
        event=FundsReversed,
        further=("exchange",),
        counts_for_limits=False,
        is_reversible=False,
        details=ReversalDetails,
    ),
}
"""Every type of transaction, by its stored name."""


class Leg(NamedTuple):
    """One balance change to post: a positive amount is a credit, a negative one a debit."""

    wallet: Wallet
    amount_minor: int
    currency: Currency


class Entry(NamedTuple):
    """One posted leg: immutable, numbered within its wallet, with the resulting balance.

    Attributes:
        version: the number of the entry within its wallet, from 1.
        sequence: the number of the entry's event within the wallet, from 1.
        amount_minor: in minor units; positive for a credit, negative for a debit.
        ledger_balance_after: the wallet's ledger balance after the entry, in minor units.
    """

    wallet_id: WalletId
    version: int
    sequence: int
    amount_minor: int
    currency: Currency
    ledger_balance_after: int

    @property
    def direction(self) -> Direction:
        """Return "credit" if money enters the wallet, "debit" if it leaves."""
        return "credit" if self.amount_minor > 0 else "debit"


class PostedEntry(NamedTuple):
    """An entry in its wallet's history, with its transaction and the time of posting."""

    entry: Entry
    transaction_id: TransactionId
    type: TransactionType
    description: str | None
    reference: str | None
    posted_at: datetime


class Rejection(NamedTuple):
    """The stored form of a refusal.

    Attributes:
        error: the stable name of the error (`Refused.NAME`).
        code: the error's code, for clients.
        detail: a description for people.
        request_id: the id of the request that was refused first.
        family: the stable name of the error's family, for errors that are not defined in `tekana.domain`: it
            replaces the error's class where that is unknown.
        limit: the limit that refused it; None if there is none, or it is not for the payer to see.
    """

    error: str
    code: str
    detail: str
    request_id: str | None
    family: str | None = None
    limit: ReachedLimit | None = None


class Relation(NamedTuple):
    """The relation of a transaction to an earlier one, such as `reverses` or `captures`."""

    kind: str
    transaction_id: TransactionId


CAPTURES: Final = "captures"
"""The relation of a capture to its hold."""

REVERSES: Final = "reverses"
"""The relation of a reversal to its original."""


@value(kw_only=True)
class TransactionRequest:
    """The data of a money command, in the fields that all types of transaction share.

    A deposit comes from the currency's settlement wallet; a withdrawal goes to it.

    Attributes:
        amount: the amount that leaves the payer's wallet, without fees.
        details: the fields of this type only; an instance of its rules' `details` class.
        relates_to: the earlier transaction that this one refers to.
        charge: the fee and the tax that were charged beside the amount; of a reversal, given back. None without any.
        effective_at: the value date; None if it is the time of the decision.
    """

    type: TransactionType
    amount: Money
    from_wallet_id: WalletId
    to_wallet_id: WalletId
    description: str | None = None
    reference: str | None = None
    metadata: Metadata | None = None
    effective_at: datetime | None = None
    details: Any = None
    relates_to: Relation | None = None
    charge: Charge | None = None

    @property
    def gives_back(self) -> bool:
        """Return whether it gives back what an earlier transaction has moved: a reversal, or a capture in place of one.

        It costs nothing, counts for no limits, and is not reversed.
        """
        return self.type == "reversal" or isinstance(self.details, CaptureDetails)


@value(kw_only=True)
class Transaction:
    """A decided money command. Immutable; only another transaction can reverse a posted one.

    A hold is stored with the status `pending`. Readers return it in its present state.

    Attributes:
        entries: sum to zero per currency, in the order in which they were posted; a rejected transaction has none.
        tenant: the tenant of its customers' wallets; of the caller, if it was rejected and names none of them.
        created_by, request_id: of the request that created it.
        hold: the state of a hold; None for all other types, and for a rejected one.
    """

    id: TransactionId
    request: TransactionRequest
    status: TransactionStatus
    entries: tuple[Entry, ...] = ()
    rejection: Rejection | None = None
    created_by: str
    created_at: datetime
    posted_at: datetime | None = None
    tenant: str = MAIN_TENANT
    request_id: str | None = None
    hold: HoldState | None = None

    @property
    def amount_entries(self) -> tuple[Entry, ...]:
        """Return the entries of the amount, which come before those of the charge. Not for a reversal."""
        charge = self.request.charge
        return self.entries if charge is None else self.entries[: -charge.entry_count]

    @property
    def effective_at(self) -> datetime:
        """Return the value date: the one of the request, or else the time of the decision."""
        return self.request.effective_at or self.created_at


def first_state(request: TransactionRequest, authorized_at: datetime) -> HoldState:
    """Return the state of a hold that is authorized at this time."""
    expires_at = authorized_at + timedelta(seconds=request.details.expires_in)
    return HoldState(amount_minor=request.amount.minor, expires_at=expires_at)


def events_of(transaction: Transaction) -> Iterator[Event]:
    """Return the events of a transaction: its own, then one for each entry; of a hold, the first one.

    They can be derived from the transaction, so a store saves the transaction only.
    """
    request = transaction.request
    common: dict[str, Any] = {
        "occurred_at": transaction.created_at,
        "tenant": transaction.tenant,
        "caller": transaction.created_by,
        "request_id": transaction.request_id,
        "transaction_id": transaction.id,
    }
    own: dict[str, Any] = {
        "sequence": 1,
        "from_wallet_id": request.from_wallet_id,
        "to_wallet_id": request.to_wallet_id,
        "amount": request.amount.minor,
        "currency": request.amount.currency,
        "reference": request.reference,
    }
    if transaction.rejection is not None:
        code = transaction.rejection.code
        yield TransactionRejected(**common, **own, transaction_type=request.type, rejection_code=code)
        return
    yield TRANSACTION_TYPES[request.type].event(**common, **own, **_further_fields(transaction))
    for entry in transaction.entries:
        kind = WalletCredited if entry.amount_minor > 0 else WalletDebited
        yield kind(
            **common,
            wallet_id=entry.wallet_id,
            sequence=entry.sequence,
            transaction_type=request.type,
            version=entry.version,
            amount=abs(entry.amount_minor),
            currency=entry.currency,
            ledger_balance_after=entry.ledger_balance_after,
        )


def _further_fields(transaction: Transaction) -> dict[str, Any]:
    """Return the fields of a transaction's event that not all types have."""
    request = transaction.request
    if TRANSACTION_TYPES[request.type].is_hold:
        return {"expires_at": first_state(request, transaction.created_at).expires_at}
    charge = {} if request.charge is None else charge_fields(request.charge)
    if isinstance(request.details, ExchangeDetails):
        return request.details.event_fields() | charge
    relation = request.relates_to
    name = "" if relation is None else RELATION_FIELDS.get(relation.kind, "")
    has_it = name in TRANSACTION_TYPES[request.type].event.__dataclass_fields__
    return charge | ({name: relation.transaction_id} if relation is not None and has_it else {})


def charge_fields(charge: Charge) -> dict[str, str]:
    """Return what is shown of a charge: the fields of events, and of what clients see."""
    return {
        "fee": format_minor(charge.fee, charge.currency),
        "tax": format_minor(charge.tax, charge.currency),
        "fee_currency": charge.currency,
        "fee_paid_by": charge.paid_by,
    }


RELATION_FIELDS: Final = {CAPTURES: "hold_id", REVERSES: "reverses"}
"""The names of the fields of events, and of what clients see, that have the other transaction of a relation."""
