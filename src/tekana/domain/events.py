"""Every event: what has happened, in the past tense, for those who want to know. Read this file to see what can happen.

Each event belongs to one aggregate (a customer, a wallet or a transaction), which numbers its events 1, 2, 3 … without
a gap (`sequence`). Events are delivered at least once, and per aggregate in order; drop duplicates by `event_id`.
No event holds a name, a phone number, an email or free text, but for the caller's own `reference`. Amounts are in minor
units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction, TransactionType
from tekana.domain.wallet import FreezeScope

Aggregate = Literal["customer", "wallet", "transaction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEvent:
    """Something happened to a customer."""

    aggregate: ClassVar[Aggregate] = "customer"
    customer_id: CustomerId
    sequence: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(CustomerEvent):
    """A person became a customer."""

    country: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUpdated(CustomerEvent):
    """Details of a customer changed; `changed` names the fields, never what they hold."""

    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerVerified(CustomerEvent):
    """The operator established who the customer is, to the degree that the tier stands for."""

    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSuspended(CustomerEvent):
    """None of the customer's wallets may move money any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReactivated(CustomerEvent):
    """A suspended customer's wallets may move money again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerClosed(CustomerEvent):
    """The customer left, with all wallets empty and closed. Final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletEvent:
    """Something happened to a wallet."""

    aggregate: ClassVar[Aggregate] = "wallet"
    wallet_id: WalletId
    sequence: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOpened(WalletEvent):
    """A customer has a new wallet."""

    customer_id: CustomerId
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFrozen(WalletEvent):
    """Money can no longer leave the wallet (`debits`), nor enter it (`all`)."""

    scope: FreezeScope


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletUnfrozen(WalletEvent):
    """Money can move again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletClosed(WalletEvent):
    """The wallet was empty and is closed. Final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _EntryPosted(WalletEvent):
    transaction_id: TransactionId
    transaction_type: TransactionType
    version: int
    amount: int
    currency: Currency
    ledger_balance_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCredited(_EntryPosted):
    """Money came into the wallet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletDebited(_EntryPosted):
    """Money left the wallet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent:
    """Something happened to a transaction."""

    aggregate: ClassVar[Aggregate] = "transaction"
    transaction_id: TransactionId
    sequence: int
    occurred_at: datetime
    from_wallet_id: WalletId
    to_wallet_id: WalletId
    amount: int
    currency: Currency
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsDeposited(TransactionEvent):
    """Money came in from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsWithdrawn(TransactionEvent):
    """Money went out to the world outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsTransferred(TransactionEvent):
    """Money went from one wallet to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRejected(TransactionEvent):
    """A movement of money was refused; nothing moved."""

    transaction_type: TransactionType
    rejection_code: str


Event = CustomerEvent | WalletEvent | TransactionEvent

_POSTED: dict[TransactionType, type[TransactionEvent]] = {
    "deposit": FundsDeposited,
    "withdrawal": FundsWithdrawn,
    "transfer": FundsTransferred,
}

EVENT_TYPES: dict[str, type[CustomerEvent] | type[WalletEvent] | type[TransactionEvent]] = {
    kind.__name__: kind
    for kind in (
        *(CustomerRegistered, CustomerUpdated, CustomerVerified),
        *(CustomerSuspended, CustomerReactivated, CustomerClosed),
        *(WalletOpened, WalletFrozen, WalletUnfrozen, WalletClosed, WalletCredited, WalletDebited),
        *(FundsDeposited, FundsWithdrawn, FundsTransferred, TransactionRejected),
    )
}
"""Every event by its name."""


def aggregate_id(event: Event) -> UUID:
    """The id of the customer, wallet or transaction that the event happened to."""
    match event:
        case CustomerEvent():
            return event.customer_id
        case WalletEvent():
            return event.wallet_id
        case TransactionEvent():
            return event.transaction_id


def event_id(event: Event) -> str:
    """What tells the event from every other one, each time it is delivered: its aggregate's id and its sequence."""
    return f"{aggregate_id(event)}:{event.sequence}"


def events_of(transaction: Transaction) -> Iterator[Event]:
    """The events of a transaction: its own, then one for each wallet that it touched.

    They say nothing that the transaction does not, so a store keeps the transaction alone and derives them.
    """
    movement = transaction.request
    about = {
        "transaction_id": transaction.id,
        "sequence": 1,
        "occurred_at": transaction.created_at,
        "from_wallet_id": movement.from_wallet_id,
        "to_wallet_id": movement.to_wallet_id,
        "amount": movement.money.minor,
        "currency": movement.money.currency,
        "reference": movement.reference,
    }
    if transaction.rejection is not None:
        yield TransactionRejected(**about, transaction_type=movement.type, rejection_code=transaction.rejection.code)  # type: ignore[arg-type]
        return
    yield _POSTED[movement.type](**about)  # type: ignore[arg-type]
    for entry in transaction.entries:
        posted = WalletCredited if entry.minor > 0 else WalletDebited
        yield posted(
            wallet_id=entry.wallet_id,
            sequence=entry.sequence,
            occurred_at=transaction.created_at,
            transaction_id=transaction.id,
            transaction_type=movement.type,
            version=entry.version,
            amount=abs(entry.minor),
            currency=entry.currency,
            ledger_balance_after=entry.ledger_balance_after,
        )
