"""Capture a hold: move money that was reserved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.follow_up import FollowUp, money_of, normalize_amount
from tekana.domain.book import Book
from tekana.domain.charging import fee_locks
from tekana.domain.errors import (
    CaptureExceedsHold,
    CustomerNotActive,
    FeeExceedsAmount,
    HoldNotOpen,
    LimitExceeded,
    Refused,
    TransactionNotFound,
    WalletNotActive,
)
from tekana.domain.events import TransactionType
from tekana.domain.holds import HOLDS, Hold, capture, details_of_capture
from tekana.domain.lock_set import NO_LOCKS, LockedState, LockSet
from tekana.domain.money import Money
from tekana.domain.transaction import CAPTURES, Relation, Transaction, TransactionRequest


class CaptureHold(FollowUp, frozen=True, kw_only=True):
    """Move money of a hold to the payee: all that is left, or less. The transaction has the hold's texts.

    It costs nothing, counts for no limits and is not reversed, if the hold is what was left for a reversal.

    Attributes:
        amount: how much, in major units of the hold's currency; left out for all that is left.
        final: whether the rest is released; otherwise it stays held, for further captures.
    """

    NAME: ClassVar[str] = "CaptureHold"
    TYPE: ClassVar[TransactionType] = "capture"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        TransactionNotFound,
        HoldNotOpen,
        CaptureExceedsHold,
        WalletNotActive,
        CustomerNotActive,
        LimitExceeded,
        FeeExceedsAmount,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"amount": "1200", "final": False}

    amount: str | None = None
    final: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        normalize_amount(self)

    def fee_locks(self, locked: LockedState) -> LockSet:
        """Return what the fee of the capture needs locked."""
        hold = locked.of(HOLDS).get(self.transaction_id)
        if hold is None or hold.request.relates_to is not None:
            return NO_LOCKS
        return fee_locks(locked, self.TYPE, hold.request.amount.currency, hold.request.from_wallet_id)

    def to_request(self, book: Book) -> TransactionRequest:
        """Return the request. Of a hold that has ended, nothing is left: its amount is the hold's then."""
        hold = self.hold(book)
        request, currency = hold.request, hold.request.amount.currency
        return TransactionRequest(
            type=self.TYPE,
            amount=money_of(self.amount, currency) if self.amount else _all_of(hold),
            from_wallet_id=request.from_wallet_id,
            to_wallet_id=request.to_wallet_id,
            description=request.description,
            reference=request.reference,
            relates_to=Relation(CAPTURES, hold.id),
            details=details_of_capture(hold),
        )

    def decide(self, book: Book) -> Transaction:
        """Post the amount."""
        return capture(book, self.hold(book), self.to_request(book), final=self.final)


def _all_of(hold: Hold) -> Money:
    return Money(hold.state.left_minor or hold.state.amount_minor, hold.request.amount.currency)
