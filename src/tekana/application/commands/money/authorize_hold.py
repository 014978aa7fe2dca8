"""Authorize a hold: reserve money that is captured later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

from tekana.application.commands.command import parties
from tekana.application.commands.money.follow_up import check_expires_in
from tekana.application.commands.money.wallet_fields import BetweenWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.hold_state import EXPIRES_IN_DEFAULT, HoldDetails
from tekana.domain.holds import authorize
from tekana.domain.transaction import Transaction, TransactionRequest


class AuthorizeHold(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="hold"):
    """Reserve money in the payer's wallet for the payee, of the same currency: it stays there, and cannot be spent.

    Attributes:
        expires_in: for how long it can be captured, in seconds: 1 to 2,592,000, which are 30 days.
    """

    NAME: ClassVar[str] = "AuthorizeHold"
    SCOPE: ClassVar[Scope] = "transactions:send"
    POSTS_ONLY: ClassVar[bool] = False
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "hold",
        "from_wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "to_wallet_id": "0198d2a0-0000-7000-8000-000000000004",
        "amount": "3000",
        "currency": "RWF",
        "expires_in": 86400,
        "reference": "order-1001",
    }

    expires_in: int = EXPIRES_IN_DEFAULT

    def _checks(self) -> Iterator[Callable[[], None]]:
        return chain(super()._checks(), (lambda: check_expires_in(self.expires_in),))

    def to_request(self, book: Book) -> TransactionRequest:
        """Return the request, with its duration as its detail."""
        return replace(super().to_request(book), details=HoldDetails(self.expires_in))

    def decide(self, book: Book) -> Transaction:
        """Hold the amount."""
        request = self.to_request(book)
        return authorize(book, request, *parties(book, request))
