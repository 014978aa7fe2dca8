"""The base of commands that name an earlier transaction, which has the wallets and the currency."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import invalid
from tekana.domain.hold_state import EXPIRES_IN_MAX
from tekana.domain.holds import HOLDS, Hold, find_hold
from tekana.domain.identifiers import TransactionId
from tekana.domain.lock_set import LockSet
from tekana.domain.money import Currency, Money

_AMOUNT: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,4})?", re.ASCII)


class FollowUp(Struct, frozen=True, kw_only=True):
    """The base of commands about a hold.

    Attributes:
        transaction_id: the transaction that authorized the hold.
    """

    SCOPE: ClassVar[Scope] = "transactions:write"
    IDS: ClassVar[tuple[str, ...]] = ("transaction_id",)
    AUDITED: ClassVar[bool] = False

    transaction_id: TransactionId

    def locks(self) -> LockSet:
        return LockSet(others=(HOLDS.ref(self.transaction_id),))

    def hold(self, book: Book) -> Hold:
        """Return the hold. Raises TransactionNotFound."""
        return find_hold(book, self.transaction_id)


def normalize_amount(command: Any) -> None:
    """Check the form of a command's optional amount, and write it without zeros that change nothing.

    How many decimals it may have is known with the currency: see `money_of`.
    """
    text = command.amount
    if text is None:
        return
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise invalid("amount", 'must be a positive decimal number in a string, such as "12.50"')
    whole, _, decimals = text.partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    if (whole, decimals) == ("0", ""):
        raise invalid("amount", "must be more than zero")
    force_setattr(command, "amount", f"{whole}.{decimals}" if decimals else whole)


def money_of(amount: str, currency: Currency) -> Money:
    """Return the money of a normal amount. Raises InvalidRequest if the currency has fewer decimals."""
    return Money.parse(amount, currency)


def check_expires_in(expires_in: int) -> None:
    """Check for how many seconds a hold is to be open."""
    if type(expires_in) is not int or not 1 <= expires_in <= EXPIRES_IN_MAX:
        raise invalid("expires_in", f"must be a whole number of seconds from 1 to {EXPIRES_IN_MAX}")
