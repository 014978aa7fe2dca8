"""Quote a movement of money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from msgspec.structs import force_setattr

from tekana.application.commands.command import ExtendingCommand, Struct
from tekana.application.commands.money.deposit_funds import DepositFunds
from tekana.application.commands.money.exchange_funds import ExchangeFunds
from tekana.application.commands.money.make_payment import MakePayment
from tekana.application.commands.money.transfer_funds import TransferFunds
from tekana.application.commands.money.withdraw_funds import WithdrawFunds
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import (
    AmountTooSmall,
    CurrencyMismatch,
    FeeExceedsAmount,
    PayeeNotMerchant,
    RateUnavailable,
    RecipientNotFound,
    Refused,
    SameWallet,
    WalletNotFound,
    invalid,
)
from tekana.domain.lock_set import NO_LOCKS, LockedState, LockSet
from tekana.domain.quotes import QUOTES, Quote, new_quote

AnyQuotedCommand = DepositFunds | WithdrawFunds | TransferFunds | MakePayment | ExchangeFunds
"""Any command that can have a fee or a rate, with its `type` as the tag."""


class CreateQuote(Struct, frozen=True, kw_only=True):
    """Quote what a movement costs and brings, for a minute. The movement that names the quote is bound to it, once.

    Nothing is reserved: that there is enough money, and that limits allow it, is decided with the movement.

    Attributes:
        movement: the command to quote; its texts and its value date do not matter.
    """

    NAME: ClassVar[str] = "CreateQuote"
    SCOPE: ClassVar[Scope] = "transactions:send"
    AUDITED: ClassVar[bool] = False
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        WalletNotFound,
        RecipientNotFound,
        CurrencyMismatch,
        SameWallet,
        PayeeNotMerchant,
        RateUnavailable,
        AmountTooSmall,
        FeeExceedsAmount,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"movement": ExchangeFunds.EXAMPLE}

    movement: AnyQuotedCommand

    def __post_init__(self) -> None:
        super().__post_init__()
        movement: object = self.movement
        if not isinstance(movement, AnyQuotedCommand):
            force_setattr(self, "movement", self._read())
        if self.movement.quote_id is not None:
            raise invalid("quote_id", "cannot be given for a new quote")

    def _read(self) -> AnyQuotedCommand:
        """Return the movement that was given as a plain mapping."""
        try:
            return msgspec.convert(self.movement, AnyQuotedCommand)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise invalid("movement", str(error)) from None

    @property
    def has_personal_data(self) -> bool:
        """Return whether the movement names the payee by their phone number."""
        return self.movement.has_personal_data

    def partition_key(self) -> UUID | None:
        """Return that of the movement."""
        return self.movement.partition_key()

    def locks(self) -> LockSet:
        return self.movement.locks()

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return those of the movement."""
        movement = self.movement
        return movement.further_locks(locked) if isinstance(movement, ExtendingCommand) else NO_LOCKS

    def decide(self, book: Book) -> Quote:
        quote = new_quote(book, self.movement.price(book))
        book.add(QUOTES, quote.id, quote)
        return quote
