"""Reverse a transaction: give back what it moved, or a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.follow_up import FollowUp, money_of, normalize_amount
from tekana.application.commands.validation import check_all, check_optional, check_text
from tekana.domain.book import Book
from tekana.domain.errors import (
    AmountTooSmall,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    NotReversible,
    Refused,
    ReversalExceedsOriginal,
    TransactionNotFound,
    WalletNotActive,
)
from tekana.domain.events import TransactionType
from tekana.domain.holds import HOLDS
from tekana.domain.lock_set import NO_LOCKS, LockedState, LockSet
from tekana.domain.reversals import ORIGINALS, find_original, hold_rest, reversal_request, reverse
from tekana.domain.transaction import Transaction, TransactionRequest


class ReverseTransaction(FollowUp, frozen=True, kw_only=True):
    """Move money of a posted transaction back: all that is left of it, or less, as often as is wanted.

    Deposits, withdrawals, transfers, payments, captures and exchanges can be reversed; a reversal cannot.

    Attributes:
        amount: how much of the original's amount, in major units of its currency; left out for all that is left.
        reason: why, kept with the reversal.
        hold_rest: whether, if the receiver does not have that much any more, what they have is held for the payer, and
            the hold is the answer. Otherwise nothing is done then.
        keep_fees: whether the operator keeps the fee, which is otherwise given back in proportion, with tax and shares.
    """

    NAME: ClassVar[str] = "ReverseTransaction"
    TYPE: ClassVar[TransactionType] = "reversal"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        TransactionNotFound,
        NotReversible,
        ReversalExceedsOriginal,
        AmountTooSmall,
        InsufficientFunds,
        WalletNotActive,
        CustomerNotActive,
        LimitExceeded,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"amount": "500", "reason": "One item was returned"}

    amount: str | None = None
    reason: str | None = None
    hold_rest: bool = False
    keep_fees: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: normalize_amount(self),
            lambda: check_optional(self.reason, lambda reason: check_text("reason", reason, most=500)),
        )

    def locks(self) -> LockSet:
        return LockSet(others=(ORIGINALS.ref(self.transaction_id),))

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return the holds for the payer of the original."""
        original = locked.of(ORIGINALS).get(self.transaction_id)
        return NO_LOCKS if original is None else LockSet(others=tuple(map(HOLDS.ref, original.hold_ids)))

    def to_request(self, book: Book) -> TransactionRequest:
        """Return the request."""
        original = find_original(book, self.transaction_id)
        currency = original.transaction.request.amount.currency
        amount = None if self.amount is None else money_of(self.amount, currency)
        return reversal_request(book, original, amount, self.reason, keep_fees=self.keep_fees)

    def decide(self, book: Book) -> Transaction:
        """Post the reversal, or hold what is left."""
        original, request = find_original(book, self.transaction_id), self.to_request(book)
        try:
            return reverse(book, original, request)
        except InsufficientFunds:
            if not self.hold_rest:
                raise
            return hold_rest(book, original, request)
