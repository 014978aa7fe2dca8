"""The transaction: entries that sum to zero per currency, or the record of an attempt that was refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.events import (
    Event,
    FundsDeposited,
    FundsTransferred,
    FundsWithdrawn,
    PaymentMade,
    TransactionEvent,
    TransactionRejected,
    TransactionType,
    WalletCredited,
    WalletDebited,
)
from tekana.domain.identifiers import HouseRole, TransactionId, WalletId
from tekana.domain.metadata import Metadata
from tekana.domain.money import Currency, Money
from tekana.domain.value import value

if TYPE_CHECKING:
    from tekana.domain.wallet import Wallet

TransactionStatus = Literal["posted", "rejected"]
Direction = Literal["debit", "credit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTypeRules:
    """What is particular to a type of transaction.

    Attributes:
        event: what happened once it is posted.
        payer, payee: the house role of the wallet that pays or is paid; None: a wallet that the request names.
        details: the class of `TransactionRequest.details`; None: it has none.
    """

    event: type[TransactionEvent]
    payer: HouseRole | None = None
    payee: HouseRole | None = None
    details: type[Any] | None = None


TRANSACTION_TYPES: Final[dict[TransactionType, TransactionTypeRules]] = {
    "deposit": TransactionTypeRules(event=FundsDeposited, payer="settlement"),
    "withdrawal": TransactionTypeRules(event=FundsWithdrawn, payee="settlement"),
    "transfer": TransactionTypeRules(event=FundsTransferred),
    "payment": TransactionTypeRules(event=PaymentMade),
}
"""Every type of transaction, by its stored name."""


class Leg(NamedTuple):
    """One change of a balance to post: an amount above zero is a credit, below zero a debit."""

    wallet: Wallet
    amount_minor: int
    currency: Currency


class Entry(NamedTuple):
    """One leg of a posted transaction: immutable, numbered within its wallet, with the balance it left behind.

    Attributes:
        version: numbers the wallet's entries.
        sequence: numbers the wallet's events.
        amount_minor: in minor units: above zero a credit, below zero a debit.
        ledger_balance_after: in minor units.
    """

    wallet_id: WalletId
    version: int
    sequence: int
    amount_minor: int
    currency: Currency
    ledger_balance_after: int

    @property
    def direction(self) -> Direction:
        """From the wallet's side: a credit puts money in, a debit takes it out."""
        return "credit" if self.amount_minor > 0 else "debit"


class PostedEntry(NamedTuple):
    """An entry as a line of its wallet's history: with its transaction and the moment it was posted."""

    entry: Entry
    transaction_id: TransactionId
    type: TransactionType
    description: str | None
    reference: str | None
    posted_at: datetime


class Rejection(NamedTuple):
    """Why a transaction was refused.

    Attributes:
        error: the stable name of the error (`Refused.NAME`).
        code: the error's code, for clients.
        detail: words for a person.
        request_id: the request that was refused first.
        family: of a partner's own error, the stable name of its family, from which it is rebuilt where the error itself
            is unknown.
    """

    error: str
    code: str
    detail: str
    request_id: str | None
    family: str | None = None


class Relation(NamedTuple):
    """How a transaction relates to an earlier one, such as `reverses` or `captures`."""

    kind: str
    transaction_id: TransactionId


@value(kw_only=True)
class TransactionRequest:
    """What a money command asks for, in the terms that every type of transaction shares.

    A deposit comes from the currency's settlement wallet; a withdrawal goes to it.

    Attributes:
        amount: what the payer gives, without fees.
        details: what only this type has; an instance of its rules' `details` class.
        relates_to: the earlier transaction that this one is about.
        effective_at: the value date, where it is not the moment of the decision.
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


@value(kw_only=True)
class Transaction:
    """A money command that was decided. Immutable; a posted one is undone only by another.

    Attributes:
        entries: sum to zero per currency, in the order in which they were posted; a rejected transaction has none.
        tenant, created_by, request_id: whose it is, who asked for it, and in which request.
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

    @property
    def effective_at(self) -> datetime:
        """The value date: what the caller said, or else when it was decided."""
        return self.request.effective_at or self.created_at


def events_of(transaction: Transaction) -> Iterator[Event]:
    """Return the events of a transaction: its own, then one for each entry.

    They say nothing that the transaction does not, so a store keeps the transaction alone and derives them.
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
    yield TRANSACTION_TYPES[request.type].event(**common, **own)
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
