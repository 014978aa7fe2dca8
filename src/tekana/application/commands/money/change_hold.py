"""Change a hold: raise or lower its amount, or extend it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from tekana.application.commands.money.follow_up import FollowUp, check_expires_in, money_of, normalize_amount
from tekana.application.commands.validation import check_all, check_optional
from tekana.domain.book import Book
from tekana.domain.errors import (
    CaptureExceedsHold,
    CustomerNotActive,
    HoldNotOpen,
    InsufficientFunds,
    Refused,
    ReversalExceedsOriginal,
    TransactionNotFound,
    WalletNotActive,
    invalid,
)
from tekana.domain.holds import Hold, change


class ChangeHold(FollowUp, frozen=True, kw_only=True):
    """Set how much an open hold has in all, with what was captured, and for how long it is open from now on.

    A hold of what a reversal has found left is never raised: reverse again to hold more.

    Attributes:
        amount: the new amount, in major units of the hold's currency: more than what was captured. Left out, it stays.
        expires_in: the seconds from now on: 1 to 2,592,000, which are 30 days. Left out, the hold expires as before.
    """

    NAME: ClassVar[str] = "ChangeHold"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        TransactionNotFound,
        HoldNotOpen,
        CaptureExceedsHold,
        ReversalExceedsOriginal,
        InsufficientFunds,
        WalletNotActive,
        CustomerNotActive,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"amount": "3500", "expires_in": 172800}

    amount: str | None = None
    expires_in: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: normalize_amount(self), lambda: check_optional(self.expires_in, check_expires_in), self._check_any
        )

    def _check_any(self) -> None:
        if self.amount is None and self.expires_in is None:
            raise invalid("body", "must change something: amount, expires_in")

    def decide(self, book: Book) -> Hold:
        hold = self.hold(book)
        amount, expires_at = hold.state.amount_minor, hold.state.expires_at
        if self.amount is not None:
            amount = money_of(self.amount, hold.request.amount.currency).minor
        if self.expires_in is not None:
            expires_at = book.now + timedelta(seconds=self.expires_in)
        return change(book, hold, amount, expires_at)
