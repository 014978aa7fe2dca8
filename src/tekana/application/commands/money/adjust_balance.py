"""Adjust the balance of a wallet, to correct a mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar, Final, get_args

from tekana.application.commands.money.wallet_fields import OneWallet
from tekana.application.commands.validation import check_text
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    Refused,
    WalletNotActive,
    WalletNotFound,
    invalid,
)
from tekana.domain.identifiers import HouseRole, WalletId, house_wallet_id
from tekana.domain.money import Currency
from tekana.domain.transaction import AdjustmentDetails, Direction, Transaction, TransactionRequest

_HOUSE: Final[HouseRole] = "suspense"
_DIRECTIONS: Final[tuple[str, ...]] = get_args(Direction)


class AdjustBalance(OneWallet, frozen=True, kw_only=True, tag_field="type", tag="adjustment"):
    """Correct the balance of a wallet: a credit comes from the currency's suspense wallet, a debit goes into it.

    A debit takes no more than is available. The suspense wallet shows what is to be explained in the accounts.

    Attributes:
        direction: "credit" adds the amount to the wallet, "debit" takes it out.
        reason: why the balance is wrong, kept with the transaction.
    """

    NAME: ClassVar[str] = "AdjustBalance"
    SCOPE: ClassVar[Scope] = "transactions:adjust"
    AUDITED: ClassVar[bool] = True
    POSTS_ONLY: ClassVar[bool] = False
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        InsufficientFunds,
        LimitExceeded,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "adjustment",
        "wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "direction": "credit",
        "amount": "500",
        "currency": "RWF",
        "reason": "A fee was taken twice",
    }

    direction: Direction
    reason: str

    def _checks(self) -> Iterator[Callable[[], None]]:
        return chain(super()._checks(), (self._check_direction, lambda: check_text("reason", self.reason, most=500)))

    def _check_direction(self) -> None:
        if self.direction not in _DIRECTIONS:
            raise invalid("direction", f"must be one of: {', '.join(_DIRECTIONS)}")

    def party_ids(self, book: Book) -> tuple[WalletId, ...]:  # noqa: ARG002 - as the base class has it
        """Return the payer and the payee, one of which is the suspense wallet."""
        house = house_wallet_id(_HOUSE, Currency(self.currency))
        return (house, self.wallet_id) if self.direction == "credit" else (self.wallet_id, house)

    def to_request(self, book: Book) -> TransactionRequest:
        """Return the request, with the reason as its detail."""
        return replace(super().to_request(book), details=AdjustmentDetails(self.reason))

    def decide(self, book: Book) -> Transaction:
        """Post the legs."""
        request = self.to_request(book)
        wallet = book.customer_wallet(self.wallet_id, self.currency)
        house = book.house_wallet(_HOUSE, request.amount.currency)
        payer, payee = (house, wallet) if self.direction == "credit" else (wallet, house)
        return book.post(request, self.legs(book, request, payer, payee))
