"""The events: every kind of change, named in the past tense.

Each event belongs to one aggregate (a customer, for example), which numbers its events 1, 2, 3 … without
a gap (`sequence`). Events are delivered at least once, and per aggregate in order; drop duplicates by `event_id`.
No event contains a name, a phone number, an email or free text, except the caller's own `reference`. Amounts are in
minor units.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Union
from uuid import UUID

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.event_fields import (
    Amount,
    BalanceAfter,
    ChangedFields,
    CurrencyCode,
    FieldMeaning,
    LimitAmount,
    LimitCount,
    TypeOfTransaction,
)
from tekana.domain.identifiers import ApprovalId, CustomerId, TransactionId, WalletId
from tekana.domain.money import Currency

TransactionType = str
"""The name of a type of transaction: a key of `tekana.domain.transaction.TRANSACTION_TYPES`."""

FreezeScope = Literal["debits", "all"]
"""The scope of a freeze: `debits` stops money that leaves the wallet, `all` also money that enters it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """The fields that all events have. An event also has the id of its aggregate, as in `wallet_id`.

    Attributes:
        NAME: the stable name under which it is stored and published. It never changes, even where the class does.
        aggregate: the kind of aggregate, as in `wallet`.
        sequence: numbers the events of the aggregate, from 1.
        tenant: the tenant that the aggregate belongs to.
        caller, request_id: of the request that caused the event; None if they were not recorded.
    """

    NAME: ClassVar[str]
    aggregate: ClassVar[Aggregate]
    sequence: int
    occurred_at: datetime
    tenant: str = MAIN_TENANT
    caller: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEvent(RecordedEvent):
    """An event of a customer."""

    aggregate: ClassVar[Aggregate] = "customer"
    customer_id: CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(CustomerEvent):
    """A person became a customer."""

    NAME: ClassVar[str] = "CustomerRegistered"
    country: Annotated[str | None, FieldMeaning("ISO 3166-1 alpha-2 code of the country that the customer gave.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUpdated(CustomerEvent):
    """Details of a customer changed; `changed` names the fields, never what they hold."""

    NAME: ClassVar[str] = "CustomerUpdated"
    changed: ChangedFields


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerVerified(CustomerEvent):
    """The operator established who the customer is, to the degree that the tier stands for."""

    NAME: ClassVar[str] = "CustomerVerified"
    tier: Annotated[str, FieldMeaning("To what degree the customer is known.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsOverridden(CustomerEvent):
    """Limits of a customer in a currency differ from those of their tier until a time. Null: as those of the tier."""

    NAME: ClassVar[str] = "LimitsOverridden"
    currency: CurrencyCode
    until: Annotated[datetime, FieldMeaning("When the limits of the tier are in force again.")]
    largest_transaction: LimitAmount = None
    largest_balance: LimitAmount = None
    daily_outgoing_amount: LimitAmount = None
    daily_outgoing_count: LimitCount = None
    weekly_outgoing_amount: LimitAmount = None
    weekly_outgoing_count: LimitCount = None
    monthly_outgoing_amount: LimitAmount = None
    monthly_outgoing_count: LimitCount = None
    daily_incoming_amount: LimitAmount = None
    daily_incoming_count: LimitCount = None
    weekly_incoming_amount: LimitAmount = None
    weekly_incoming_count: LimitCount = None
    monthly_incoming_amount: LimitAmount = None
    monthly_incoming_count: LimitCount = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSuspended(CustomerEvent):
    """None of the customer's wallets may move money any more."""

    NAME: ClassVar[str] = "CustomerSuspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReactivated(CustomerEvent):
    """A suspended customer's wallets may move money again."""

    NAME: ClassVar[str] = "CustomerReactivated"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerClosed(CustomerEvent):
    """The customer left, with all wallets empty and closed. Final."""

    NAME: ClassVar[str] = "CustomerClosed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerErased(CustomerEvent):
    """The personal data of a closed customer were erased. Erase what you have stored of them, too."""

    NAME: ClassVar[str] = "CustomerErased"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletEvent(RecordedEvent):
    """An event of a wallet."""

    aggregate: ClassVar[Aggregate] = "wallet"
    wallet_id: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOpened(WalletEvent):
    """A customer has a new wallet."""

    NAME: ClassVar[str] = "WalletOpened"
    customer_id: Annotated[CustomerId, FieldMeaning("Whose wallet it is.")]
    currency: CurrencyCode
    kind: Annotated[str, FieldMeaning("`personal`, or `merchant`: the wallet of a business. More of them come.")] = (
        "personal"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletUpdated(WalletEvent):
    """Details of a wallet changed; `changed` names the fields, never what they hold."""

    NAME: ClassVar[str] = "WalletUpdated"
    changed: ChangedFields


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFrozen(WalletEvent):
    """Money can no longer leave the wallet (`debits`), nor enter it (`all`)."""

    NAME: ClassVar[str] = "WalletFrozen"
    scope: Annotated[FreezeScope, FieldMeaning("`debits`: no money leaves the wallet; `all`: none enters either.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletUnfrozen(WalletEvent):
    """Money can move again."""

    NAME: ClassVar[str] = "WalletUnfrozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletClosed(WalletEvent):
    """The wallet was empty and is closed. Final."""

    NAME: ClassVar[str] = "WalletClosed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _EntryPosted(WalletEvent):
    transaction_id: Annotated[TransactionId, FieldMeaning("The transaction that the entry belongs to.")]
    transaction_type: TypeOfTransaction
    version: Annotated[int, FieldMeaning("Numbers the entries of the wallet: 1, 2, 3 … without a gap.")]
    amount: Amount
    currency: CurrencyCode
    ledger_balance_after: BalanceAfter


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCredited(_EntryPosted):
    """Money came into the wallet."""

    NAME: ClassVar[str] = "WalletCredited"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletDebited(_EntryPosted):
    """Money left the wallet."""

    NAME: ClassVar[str] = "WalletDebited"


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldChanged(WalletEvent):
    transaction_id: Annotated[TransactionId, FieldMeaning("The transaction that authorized the hold.")]
    amount: Amount
    currency: CurrencyCode
    held_after: Annotated[
        int, FieldMeaning("What all open holds reserve in the wallet after that, in major units.", is_amount=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsHeld(_HeldChanged):
    """Money in the wallet was reserved by a hold, so that it is not available."""

    NAME: ClassVar[str] = "FundsHeld"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased(_HeldChanged):
    """Money in the wallet is not held any more: it is available again, or it is captured next."""

    NAME: ClassVar[str] = "HoldReleased"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent(RecordedEvent):
    """An event of a transaction."""

    aggregate: ClassVar[Aggregate] = "transaction"
    transaction_id: TransactionId
    from_wallet_id: Annotated[
        WalletId,
        FieldMeaning("The wallet that the money leaves. A deposit comes from the operator's settlement wallet."),
    ]
    to_wallet_id: Annotated[
        WalletId,
        FieldMeaning("The wallet that the money enters. A withdrawal goes to the operator's settlement wallet."),
    ]
    amount: Amount
    currency: CurrencyCode
    reference: Annotated[str | None, FieldMeaning("The caller's own text, as it came.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChargedEvent(TransactionEvent):
    """An event of a transaction that may have a fee, which is not part of its amount."""

    fee: Annotated[
        str | None,
        FieldMeaning("The fee, in major units, with all shares; of a reversal, what it gives back. Null for none."),
    ] = None
    tax: Annotated[str | None, FieldMeaning("The tax on the fee, in major units, beside it. Null for no fee.")] = None
    fee_currency: Annotated[str | None, FieldMeaning("ISO 4217 code of the currency of both. Null for no fee.")] = None
    fee_paid_by: Annotated[str | None, FieldMeaning("`payer` or `payee`: whose wallet both left. Null for no fee.")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsDeposited(_ChargedEvent):
    """Money came in from outside."""

    NAME: ClassVar[str] = "FundsDeposited"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsWithdrawn(_ChargedEvent):
    """Money went out to the world outside."""

    NAME: ClassVar[str] = "FundsWithdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsTransferred(_ChargedEvent):
    """Money went from one wallet to another."""

    NAME: ClassVar[str] = "FundsTransferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMade(_ChargedEvent):
    """A customer paid another one for goods or services."""

    NAME: ClassVar[str] = "PaymentMade"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsReversed(_ChargedEvent):
    """What an earlier transaction moved went back, or a part of it."""

    NAME: ClassVar[str] = "FundsReversed"
    reverses: Annotated[TransactionId, FieldMeaning("The transaction that was reversed.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsExchanged(_ChargedEvent):
    """Money of one currency left a wallet, and money of another entered one. The amount is what left."""

    NAME: ClassVar[str] = "FundsExchanged"
    received: Annotated[str, FieldMeaning("What entered the other wallet, in major units of its currency.")]
    received_currency: Annotated[Currency, FieldMeaning("ISO 4217 code of the currency of what was received.")]
    base: Annotated[Currency, FieldMeaning("ISO 4217 code of the currency whose unit has the price.")]
    quote: Annotated[Currency, FieldMeaning("ISO 4217 code of the currency that the price is in.")]
    price: Annotated[str, FieldMeaning("The price of one unit of the base currency, in the quote currency.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAdjusted(TransactionEvent):
    """An operator corrected the balance of a wallet, against the suspense wallet."""

    NAME: ClassVar[str] = "BalanceAdjusted"


ExpiresAt = Annotated[datetime, FieldMeaning("From when on it cannot be captured.")]
Remaining = Annotated[
    int, FieldMeaning("What is still held after that, in major units; 0 if the hold has ended.", is_amount=True)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAuthorized(TransactionEvent):
    """Money was reserved in the payer's wallet; none has moved. The hold's further events are of this transaction."""

    NAME: ClassVar[str] = "HoldAuthorized"
    expires_at: ExpiresAt


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsCaptured(_ChargedEvent):
    """Money that was held went to the payee."""

    NAME: ClassVar[str] = "FundsCaptured"
    hold_id: Annotated[TransactionId, FieldMeaning("The transaction that authorized the hold.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCaptured(TransactionEvent):
    """A part of a hold, or all of it, was captured."""

    NAME: ClassVar[str] = "HoldCaptured"
    capture_id: Annotated[TransactionId, FieldMeaning("The transaction that moved the money.")]
    remaining: Remaining


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChanged(TransactionEvent):
    """The amount of a hold, or the time of its end, was changed; `amount` is the new one, with what was captured."""

    NAME: ClassVar[str] = "HoldChanged"
    remaining: Remaining
    expires_at: ExpiresAt


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldVoided(TransactionEvent):
    """A hold was ended; `amount` is what was left of it, which was released."""

    NAME: ClassVar[str] = "HoldVoided"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExpired(TransactionEvent):
    """The time of a hold was over; `amount` is what was left of it, which was released."""

    NAME: ClassVar[str] = "HoldExpired"


LATER_HOLD_EVENTS: Final = (HoldCaptured, HoldChanged, HoldVoided, HoldExpired)
"""The events of a hold after its authorization, which have the id of the transaction that authorized it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRejected(TransactionEvent):
    """A movement of money was refused; nothing moved."""

    NAME: ClassVar[str] = "TransactionRejected"
    transaction_type: TypeOfTransaction
    rejection_code: Annotated[str, FieldMeaning("Why it was refused: a code as in problems over HTTP.")]


CommandName = Annotated[str, FieldMeaning("The name of the command that was asked for.")]
AskedBy = Annotated[str, FieldMeaning("The subject of the caller who asked for the command.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEvent(RecordedEvent):
    """An event of an approval."""

    aggregate: ClassVar[Aggregate] = "approval"
    approval_id: ApprovalId
    command: CommandName


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(ApprovalEvent):
    """A command was asked for that needs the approval of a second person."""

    NAME: ClassVar[str] = "ApprovalRequested"
    expires_at: Annotated[datetime, FieldMeaning("Until when it can be approved.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalApproved(ApprovalEvent):
    """A second person, the caller of the event, approved a command, and it was executed."""

    NAME: ClassVar[str] = "ApprovalApproved"
    asked_by: AskedBy
    resource: Annotated[str | None, FieldMeaning("What the command created or changed.")]
    resource_id: Annotated[UUID | None, FieldMeaning("The id of that.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRejected(ApprovalEvent):
    """A second person, the caller of the event, rejected a command; nothing was done."""

    NAME: ClassVar[str] = "ApprovalRejected"
    asked_by: AskedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFailed(ApprovalEvent):
    """A second person, the caller of the event, approved a command, and a rule refused it."""

    NAME: ClassVar[str] = "ApprovalFailed"
    asked_by: AskedBy
    rejection_code: Annotated[str, FieldMeaning("Why it was refused: a code as in problems over HTTP.")]


EVENT_TYPES: Final[dict[str, type[RecordedEvent]]] = {
    kind.NAME: kind
    for kind in (
        *(CustomerRegistered, CustomerUpdated, CustomerVerified, LimitsOverridden),
        *(CustomerSuspended, CustomerReactivated, CustomerClosed, CustomerErased),
        *(WalletOpened, WalletUpdated, WalletFrozen, WalletUnfrozen, WalletClosed, WalletCredited, WalletDebited),
        *(FundsDeposited, FundsWithdrawn, FundsTransferred, PaymentMade, FundsExchanged, FundsReversed),
        *(BalanceAdjusted, TransactionRejected),
        *(ApprovalRequested, ApprovalApproved, ApprovalRejected, ApprovalFailed),
        *(FundsHeld, HoldReleased, HoldAuthorized, HoldCaptured, HoldChanged, HoldVoided, HoldExpired, FundsCaptured),
    )
}
"""Every event by its stored name."""


if TYPE_CHECKING:
    Event = RecordedEvent
    Aggregate = str
else:
    Event = Union[tuple(EVENT_TYPES.values())]  # noqa: UP007 - of as many as there are
    Aggregate = Literal[tuple(dict.fromkeys(kind.aggregate for kind in EVENT_TYPES.values()))]
"""`Event`: an event of any type. `Aggregate`: the kind of an aggregate: one of those that have events."""


def aggregate_id(event: Event) -> UUID:
    """Return the id of the customer, wallet or transaction that the event happened to."""
    found: UUID = getattr(event, f"{event.aggregate}_id")
    return found


def event_id(event: Event) -> str:
    """Return the event's id, the same each time it is delivered: its aggregate's id and its sequence."""
    return f"{aggregate_id(event)}:{event.sequence}"
