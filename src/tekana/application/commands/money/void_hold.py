"""Void a hold: release what is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.follow_up import FollowUp
from tekana.application.commands.validation import check_optional, check_text
from tekana.domain.book import Book
from tekana.domain.errors import HoldNotOpen, Refused, TransactionNotFound
from tekana.domain.holds import Hold, void


class VoidHold(FollowUp, frozen=True, kw_only=True):
    """End a hold, and make what is left of it available to the payer again. What was captured stays with the payee.

    Attributes:
        reason: why, kept with the hold.
    """

    NAME: ClassVar[str] = "VoidHold"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (TransactionNotFound, HoldNotOpen)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"reason": "The order was cancelled"}

    reason: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_optional(self.reason, lambda reason: check_text("reason", reason, most=500))

    def decide(self, book: Book) -> Hold:
        return void(book, self.hold(book), self.reason)
