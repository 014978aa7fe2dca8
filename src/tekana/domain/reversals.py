"""Reversals: transactions that give back what earlier ones moved, whole or in parts, but never more than that.

A reversal has the entries of its original with the opposite sign, in the same wallets. A part of it has that part of
each entry, rounded so that all parts together give exactly the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tekana.domain.errors import AmountTooSmall, NotReversible, ReversalExceedsOriginal, TransactionNotFound
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.lock_set import LockKind
from tekana.domain.money import Currency, Money
from tekana.domain.policy import can_access
from tekana.domain.transaction import (
    REVERSES,
    TRANSACTION_TYPES,
    Entry,
    Leg,
    Relation,
    ReversalDetails,
    Transaction,
    TransactionRequest,
)

if TYPE_CHECKING:
    from tekana.domain.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A transaction, and how much of its amount was reversed so far, in minor units."""

    transaction: Transaction
    reversed_minor: int = 0

    @property
    def id(self) -> TransactionId:
        """Return the id of the transaction."""
        return self.transaction.id

    @property
    def tenant(self) -> str:
        """Return the tenant that it belongs to."""
        return self.transaction.tenant

    @property
    def left_minor(self) -> int:
        """Return what can still be reversed."""
        return self.transaction.request.amount.minor - self.reversed_minor


def wallets_of(original: Original) -> Iterable[WalletId]:
    """Return the wallets that a transaction moved money in."""
    return [entry.wallet_id for entry in original.transaction.entries]


ORIGINALS: Final = LockKind[TransactionId, Original]("transaction", wallets_of=wallets_of)
"""The lock kind of transactions that are to be reversed. Their wallets are locked with them."""


def find_original(book: Book, transaction_id: TransactionId) -> Original:
    """Return a locked transaction that the caller has access to. Raises TransactionNotFound."""
    original = book.locked.of(ORIGINALS).get(transaction_id)
    if original is None or not can_access(book.caller, original.tenant):
        raise TransactionNotFound(f"no transaction has the id {transaction_id}")
    return original


def reversal_request(original: Original, amount: Money | None, reason: str | None) -> TransactionRequest:
    """Return the request of a reversal of an amount, in the currency of the original; None for all that is left.

    The money goes back the way it came. Its amount is what leaves the wallet that was paid.
    """
    request = original.transaction.request
    of_original = request.amount.minor if amount is None else amount.minor
    if amount is None and original.left_minor:
        of_original = original.left_minor
    return TransactionRequest(
        type="reversal",
        amount=_paid_back(original, of_original) or request.amount,
        from_wallet_id=request.to_wallet_id,
        to_wallet_id=request.from_wallet_id,
        description=request.description,
        reference=request.reference,
        relates_to=Relation(REVERSES, original.id),
        details=ReversalDetails(of_original, reason),
    )


def _paid_back(original: Original, of_original: int) -> Money | None:
    """Return what leaves the wallet that was paid; None if that is nothing."""
    paid = [one for one in original.transaction.entries if one.amount_minor > 0]
    if not paid or paid[-1].currency == original.transaction.request.amount.currency:
        return Money(of_original, original.transaction.request.amount.currency)
    minor = _part(paid[-1].amount_minor, original, original.reversed_minor + of_original)
    minor -= _part(paid[-1].amount_minor, original, original.reversed_minor)
    return Money(minor, paid[-1].currency) if minor > 0 else None


def reverse(book: Book, original: Original, request: TransactionRequest) -> Transaction:
    """Post a reversal.

    Raises:
        NotReversible: the original was not posted, or its type has no reversals.
        ReversalExceedsOriginal: more than what is left would be reversed.
        AmountTooSmall: a part of an exchange is less than the smallest amount of the other currency.
        Refused: the money cannot be moved back now.
    """
    transaction = original.transaction
    rules = TRANSACTION_TYPES[transaction.request.type]
    if not rules.is_reversible or transaction.status != "posted":
        status = "" if transaction.status == "posted" else f" that is {transaction.status}"
        raise NotReversible(f"a {transaction.request.type}{status} cannot be reversed")
    amount: int = request.details.of_original
    if amount > original.left_minor:
        left = Money(original.left_minor, transaction.request.amount.currency)
        raise ReversalExceedsOriginal(f"{left} of the transaction is left to be reversed")
    changed = replace(original, reversed_minor=original.reversed_minor + amount)
    legs = [
        Leg(book.locked.wallets[wallet_id], minor, currency)
        for wallet_id, minor, currency in reversal_legs(transaction.entries, original, changed)
    ]
    posted = book.post(request, legs)
    book.locked.of(ORIGINALS)[original.id] = changed
    if original.reversed_minor:
        book.change(ORIGINALS, original.id, changed)
    else:
        book.add(ORIGINALS, original.id, changed)
    return posted


def reversal_legs(
    entries: Sequence[Entry], before: Original, after: Original
) -> Iterator[tuple[WalletId, int, Currency]]:
    """Yield the legs of a reversal: wallet, amount and currency, those of the last entry first.

    Raises:
        AmountTooSmall: one of them is nothing.
    """
    for entry in reversed(entries):
        parts = [_part(abs(entry.amount_minor), before, one.reversed_minor) for one in (before, after)]
        minor = parts[1] - parts[0]
        if minor == 0:
            raise AmountTooSmall(f"that part of the transaction is less than the smallest amount of {entry.currency}")
        yield entry.wallet_id, minor if entry.amount_minor < 0 else -minor, entry.currency


def _part(minor: int, original: Original, reversed_minor: int) -> int:
    """Return the part of an entry that is reversed with an amount of the original, rounded down."""
    return minor * reversed_minor // original.transaction.request.amount.minor
