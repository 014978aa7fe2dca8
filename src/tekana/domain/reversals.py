"""Reversals: transactions that give back what earlier ones moved, whole or in parts, but never more than that.

A reversal has the entries of its original with the opposite sign, in the same wallets. A part of it has that part of
each entry, rounded so that all parts together give exactly the original. It gives back that part of the fee, the tax
and the shares, too, unless the operator keeps the fee.

If the receiver has spent the money, what they still have can be held for the payer: by a hold like any other, which is
related to the original. What it holds, and what was captured of it, cannot be reversed any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tekana.domain.errors import (
    AmountTooSmall,
    InsufficientFunds,
    NotReversible,
    ReversalExceedsOriginal,
    TransactionNotFound,
)
from tekana.domain.fees import Charge
from tekana.domain.hold_state import HoldDetails
from tekana.domain.holds import HOLDS, authorize
from tekana.domain.identifiers import TransactionId, WalletId, first_stripe
from tekana.domain.limit_rules import Undone
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
    from tekana.domain.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A transaction, how much of its amount was reversed so far, in minor units, and the holds for its payer."""

    transaction: Transaction
    reversed_minor: int = 0
    hold_ids: tuple[TransactionId, ...] = ()

    @property
    def id(self) -> TransactionId:
        """Return the id of the transaction."""
        return self.transaction.id

    @property
    def tenant(self) -> str:
        """Return the tenant that it belongs to."""
        return self.transaction.tenant

    @property
    def is_kept(self) -> bool:
        """Return whether a store has it already: since the first reversal, or the first hold."""
        return bool(self.reversed_minor or self.hold_ids)


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


def left_minor(book: Book, original: Original) -> int:
    """Return what can still be reversed: what was not reversed yet, nor captured, nor is held, for its payer."""
    holds = [book.locked.of(HOLDS)[one].state for one in original.hold_ids]
    held = sum(one.captured_minor + one.left_minor for one in holds)
    return original.transaction.request.amount.minor - original.reversed_minor - held


def reversal_request(
    book: Book, original: Original, amount: Money | None, reason: str | None, *, keep_fees: bool = False
) -> TransactionRequest:
    """Return the request of a reversal of an amount, in the currency of the original; None for all that is left.

    The money goes back the way it came. Its amount is what leaves the wallet that was paid.
    """
    request = original.transaction.request
    of_original = left_minor(book, original) or request.amount.minor if amount is None else amount.minor
    return TransactionRequest(
        type="reversal",
        amount=_paid_back(original, of_original) or request.amount,
        from_wallet_id=request.to_wallet_id,
        to_wallet_id=request.from_wallet_id,
        description=request.description,
        reference=request.reference,
        relates_to=Relation(REVERSES, original.id),
        details=ReversalDetails(of_original, reason, keep_fees),
    )


def _paid_back(original: Original, of_original: int) -> Money | None:
    """Return what leaves the wallet that was paid; None if that is nothing."""
    paid = [one for one in original.transaction.amount_entries if one.amount_minor > 0]
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
    if not rules.is_reversible or transaction.request.gives_back or transaction.status != "posted":
        status = " for the payer of another transaction" if transaction.request.gives_back else ""
        status = status if transaction.status == "posted" else f" that is {transaction.status}"
        raise NotReversible(f"a {transaction.request.type}{status} cannot be reversed")
    amount: int = request.details.of_original
    if amount > left_minor(book, original):
        left = Money(left_minor(book, original), transaction.request.amount.currency)
        raise ReversalExceedsOriginal(f"{left} of the transaction is left to be reversed")
    changed = replace(original, reversed_minor=original.reversed_minor + amount)
    charge = None if request.details.keep_fees else returned_charge(original, changed)
    parts = [*reversal_legs(transaction.amount_entries, original, changed)]
    if charge is not None:  # first, so that a payee who has paid the fee has the amount again
        fee_entries = transaction.entries[len(transaction.amount_entries) :]
        parts = [*reversal_legs(fee_entries, original, changed, are_fees=True), *parts]
    legs = [Leg(book.locked.wallets[wallet_id], minor, currency) for wallet_id, minor, currency in parts]
    undone = _undone(original, changed) if rules.counts_for_limits else None
    posted = book.post(replace(request, charge=charge), legs, undone)
    _keep(book, original, changed)
    return posted


def _undone(before: Original, after: Original) -> Undone:
    """Return what a reversal undoes, as limits see it."""
    transaction, moved = before.transaction, dict[WalletId, int]()
    for entry in transaction.entries:
        moved[entry.wallet_id] = moved.get(entry.wallet_id, 0) + entry.amount_minor
    amount = transaction.request.amount.minor
    return Undone(transaction.created_at, moved, amount, before.reversed_minor, after.reversed_minor)


def hold_rest(book: Book, original: Original, request: TransactionRequest) -> Transaction:
    """Hold what the wallet that was paid has left, as that is too little for a reversal, for the one that paid.

    Args:
        book: the locked wallets.
        original: what was to be reversed.
        request: the reversal.

    Returns:
        The pending transaction. Nothing is posted.

    Raises:
        InsufficientFunds: nothing is left, or what was paid is in another currency than what the payer gave; or the
            operator was paid, whose wallets hold nothing; or it is a share of the fee that was spent.
        Refused: money cannot leave the one wallet, or enter the other.
    """
    receiver, payer = (_posted_wallet(book, original, one) for one in (request.from_wallet_id, request.to_wallet_id))
    currency = request.amount.currency
    if receiver.house or receiver.available_balance + _fee_back(original, request) >= request.amount.minor:
        raise InsufficientFunds("a share of the fee was spent: the amount can be given back if the fee is kept")
    minor = min(receiver.available_balance, request.amount.minor)
    if minor <= 0 or payer.currency != currency:
        raise InsufficientFunds(f"wallet {receiver.id} has nothing left that can be held")
    details = HoldDetails(reason=request.details.reason)
    about = replace(request, type="hold", amount=Money(minor, currency), details=details)
    held = authorize(book, about, receiver, payer)
    _keep(book, original, replace(original, hold_ids=(*original.hold_ids, held.id)))
    return held


def _posted_wallet(book: Book, original: Original, wallet_id: WalletId) -> Wallet:
    """Return the wallet that a transaction posted to where its request names the first stripe."""
    return next(
        book.locked.wallets[one.wallet_id]
        for one in original.transaction.entries
        if first_stripe(one.wallet_id) == wallet_id
    )


def _fee_back(original: Original, request: TransactionRequest) -> int:
    """Return what of the fee a reversal gives back to the wallet that was paid."""
    changed = replace(original, reversed_minor=original.reversed_minor + request.details.of_original)
    charge = None if request.details.keep_fees else returned_charge(original, changed)
    return 0 if charge is None or charge.paid_by == "payer" else charge.total


def _keep(book: Book, original: Original, changed: Original) -> None:
    """Have an original saved as it is now. Of two units that save it first, a store refuses one."""
    book.locked.of(ORIGINALS)[original.id] = changed
    if original.is_kept:
        book.change(ORIGINALS, original.id, changed)
    else:
        book.add(ORIGINALS, original.id, changed)


def returned_charge(before: Original, after: Original) -> Charge | None:
    """Return what a reversal gives back of the charge of its original; None for nothing."""
    charge = before.transaction.request.charge
    if charge is None:
        return None

    def returned(minor: int) -> int:
        return _part(minor, before, after.reversed_minor) - _part(minor, before, before.reversed_minor)

    shares = [(wallet_id, returned(minor)) for wallet_id, minor in charge.shares]
    given_back = replace(
        charge,
        fee=returned(charge.fee),
        tax=returned(charge.tax),
        shares=tuple(one for one in shares if one[1]),
    )
    return given_back if given_back.entry_count else None


def reversal_legs(
    entries: Sequence[Entry], before: Original, after: Original, *, are_fees: bool = False
) -> Iterator[tuple[WalletId, int, Currency]]:
    """Yield the legs of a reversal: wallet, amount and currency, those of the last entry first.

    Raises:
        AmountTooSmall: one of them is nothing, and it is not of a fee.
    """
    for entry in reversed(entries):
        parts = [_part(abs(entry.amount_minor), before, one.reversed_minor) for one in (before, after)]
        minor = parts[1] - parts[0]
        if minor == 0 and are_fees:
            continue
        if minor == 0:
            raise AmountTooSmall(f"that part of the transaction is less than the smallest amount of {entry.currency}")
        yield entry.wallet_id, minor if entry.amount_minor < 0 else -minor, entry.currency


def _part(minor: int, original: Original, reversed_minor: int) -> int:
    """Return the part of an entry that is reversed with an amount of the original, rounded down."""
    return minor * reversed_minor // original.transaction.request.amount.minor
