"""The transaction: entries that sum to zero per currency, or the record of an attempt that was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from tekana.domain.customer import Metadata
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.money import Currency, Money

TransactionType = Literal["deposit", "withdrawal", "transfer"]
TransactionStatus = Literal["posted", "rejected"]
Direction = Literal["debit", "credit"]


class Leg(NamedTuple):
    """What a decision asks for: move `minor` units into (+, credit) or out of (-, debit) a wallet."""

    wallet_id: WalletId
    minor: int


class Entry(NamedTuple):
    """One leg of a posted transaction: immutable, numbered within its wallet, with the balance it left behind.

    `minor` is in minor units: above zero a credit, below zero a debit. `version` numbers the wallet's entries,
    `sequence` its events.
    """

    wallet_id: WalletId
    version: int
    sequence: int
    minor: int
    currency: Currency
    ledger_balance_after: int

    @property
    def direction(self) -> Direction:
        """From the wallet's side: a credit puts money in, a debit takes it out."""
        return "credit" if self.minor > 0 else "debit"


class PostedEntry(NamedTuple):
    """An entry as a line of its wallet's history: with its transaction and the moment it was posted."""

    entry: Entry
    transaction_id: TransactionId
    type: TransactionType
    description: str | None
    reference: str | None
    posted_at: datetime


class Rejection(NamedTuple):
    """Why a transaction was refused: the error's class name and code, words for a person, and the request's id."""

    error: str
    code: str
    detail: str
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRequest:
    """What a money command asks for, in the terms every type of transaction shares.

    A deposit comes from the currency's settlement wallet; a withdrawal goes to it.
    """

    type: TransactionType
    money: Money
    from_wallet_id: WalletId
    to_wallet_id: WalletId
    description: str | None = None
    reference: str | None = None
    metadata: Metadata | None = None
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A movement of money that was decided. Immutable; a posted one is undone only by another.

    `entries` sum to zero per currency; a rejected transaction has none, and a `rejection`. `effective_at` is the value
    date that the caller gave, or the moment of the decision.
    """

    id: TransactionId
    request: TransactionRequest
    status: TransactionStatus
    entries: tuple[Entry, ...] = ()
    rejection: Rejection | None = None
    created_by: str
    created_at: datetime
    posted_at: datetime | None = None

    @property
    def effective_at(self) -> datetime:
        """The value date: what the caller said, or else when it was decided."""
        return self.request.effective_at or self.created_at
