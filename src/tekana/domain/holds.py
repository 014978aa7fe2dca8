"""Holds: money of a payer that is reserved for a payee, and the decisions on them.

A hold is a transaction, which stays as it was authorized, beside the state that changes. It leads to the two wallets of
its transaction, which are locked with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tekana.domain.answer_reference import AnswerReference
from tekana.domain.charging import charge_for, charged
from tekana.domain.errors import Refused, ReversalExceedsOriginal, TransactionNotFound
from tekana.domain.events import HoldCaptured, HoldChanged, HoldExpired, HoldVoided, TransactionEvent
from tekana.domain.hold_state import HoldState
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.lock_set import LockKind, Ref
from tekana.domain.policy import can_access
from tekana.domain.posting_rules import require_one_tenant, require_postable
from tekana.domain.transaction import CaptureDetails, Leg, Transaction, TransactionRequest, first_state

if TYPE_CHECKING:
    from tekana.domain.book import Book
    from tekana.domain.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold: its transaction as it was authorized, and its state now."""

    transaction: Transaction
    state: HoldState

    @property
    def id(self) -> TransactionId:
        """Return the id of its transaction."""
        return self.transaction.id

    @property
    def tenant(self) -> str:
        """Return the tenant that it belongs to."""
        return self.transaction.tenant

    @property
    def event_count(self) -> int:
        """Return the number of the events of its transaction."""
        return self.state.sequence

    @property
    def request(self) -> TransactionRequest:
        """Return what was asked for."""
        return self.transaction.request

    def shown(self) -> Transaction:
        """Return the transaction in the state of the hold, for readers."""
        return replace(self.transaction, status=self.state.status, hold=self.state)


def wallets_of(hold: Hold) -> tuple[WalletId, WalletId]:
    """Return the wallets of the payer and the payee, which are locked with a hold."""
    return hold.request.from_wallet_id, hold.request.to_wallet_id


HOLDS: Final = LockKind[TransactionId, Hold]("hold", wallets_of=wallets_of)


@dataclass(frozen=True, slots=True)
class HoldReference(AnswerReference):
    """Stands for the answer to a command about a hold: the hold in the state that it was in then."""

    hold_id: TransactionId
    state: HoldState

    @property
    def ref(self) -> Ref:
        return HOLDS.ref(self.hold_id)

    def resolve(self, item: object) -> Hold | HoldReference:
        return replace(item, state=self.state) if isinstance(item, Hold) else self

    def not_found(self) -> TransactionNotFound:
        return hold_not_found(self.hold_id)


def hold_reference(hold: Hold) -> HoldReference:
    """Return what to keep under the idempotency key of a command with this answer."""
    return HoldReference(hold.id, hold.state)


def hold_not_found(hold_id: TransactionId) -> TransactionNotFound:
    """Build the refusal of a command about a hold that the caller has no access to, or that there is not."""
    return TransactionNotFound(f"no hold has the id {hold_id}")


def find_hold(book: Book, hold_id: TransactionId) -> Hold:
    """Return a locked hold of a payee whom the caller has access to; of the house, if it is of their tenant.

    Raises:
        TransactionNotFound: there is none.
    """
    hold = book.locked.of(HOLDS).get(hold_id)
    if hold is None or not can_access(book.caller, hold.tenant, _payee(book, hold).customer_id):
        raise hold_not_found(hold_id)
    return hold


def authorize(book: Book, request: TransactionRequest, payer: Wallet, payee: Wallet) -> Transaction:
    """Hold the amount of a request in the payer's wallet, and return the pending transaction.

    Raises:
        Refused: the amount could not be moved now.
        TenantMismatch: the wallets belong to different tenants.
    """
    amount, currency = request.amount.minor, request.amount.currency
    legs = Leg(payer, -amount, currency), Leg(payee, amount, currency)
    tenant = require_one_tenant(legs)
    for leg in legs:
        require_postable(*leg)
    transaction = book.keep_pending(request, tenant or payer.tenant)
    hold = Hold(transaction=transaction, state=first_state(request, transaction.created_at))
    book.add(HOLDS, hold.id, hold)
    book.change_wallet(payer, payer.hold(hold.id, amount, book.now))
    return transaction


def details_of_capture(hold: Hold) -> CaptureDetails | None:
    """Return the details of captures of a hold: whose payer it is for, if it is what was left for a reversal."""
    relation = hold.request.relates_to
    return None if relation is None else CaptureDetails(relation.transaction_id)


def capture(book: Book, hold: Hold, request: TransactionRequest, *, final: bool) -> Transaction:
    """Post the amount of a request out of a hold, and return the transaction.

    What a final capture leaves is released. Money is released before it is posted, so that the available balance is
    never below zero between two events.

    Raises:
        HoldNotOpen, CaptureExceedsHold: the state of the hold does not allow it.
        Refused: the amount cannot be moved now.
    """
    hold.state.require_open(book.now)
    amount, currency = request.amount.minor, request.amount.currency
    state = hold.state.capture(amount, currency, final=final)
    payer, payee = _payer(book, hold), _payee(book, hold)
    legs: Sequence[Leg] = (Leg(payer, -amount, currency), Leg(payee, amount, currency))
    charge = None if request.gives_back else charge_for(book, request, payer, payee)
    request, legs = charged(book, request, legs, payer, payee, charge)
    before, place = (payer.held, payer.sequence, payer.updated_at), len(book.outbox)
    released = payer.release(hold.id, hold.state.left_minor - state.left_minor, book.now)
    try:
        posted = book.post(request, legs)
    except Refused:
        payer.held, payer.sequence, payer.updated_at = before
        raise
    book.change_wallet(payer, released)
    book.outbox.insert(place, book.outbox.pop())  # in the order of the wallet's sequence
    common = _event_fields(hold, state, book.now, amount)
    _keep(book, hold, state, HoldCaptured(**common, capture_id=posted.id, remaining=state.left_minor))
    return posted


def change(book: Book, hold: Hold, amount_minor: int, expires_at: datetime) -> Hold:
    """Raise or lower the amount of a hold, and set when it expires.

    Raises:
        HoldNotOpen, CaptureExceedsHold: the state of the hold does not allow it.
        ReversalExceedsOriginal: more would be held for the payer of another transaction.
        Refused: the payer's wallet does not have that much available, or no money may leave it.
    """
    before = hold.state
    before.require_open(book.now)
    if (amount_minor, expires_at) == (before.amount_minor, before.expires_at):
        return hold
    state = before.change(amount_minor, expires_at, hold.request.amount.currency)
    more, payer = amount_minor - before.amount_minor, _payer(book, hold)
    if more > 0:
        if hold.request.relates_to is not None:
            raise ReversalExceedsOriginal("this was held as a reversal found too little: to hold more, reverse again")
        require_postable(payer, -more, hold.request.amount.currency)
        book.change_wallet(payer, payer.hold(hold.id, more, book.now))
    elif more < 0:
        book.change_wallet(payer, payer.release(hold.id, -more, book.now))
    common = _event_fields(hold, state, book.now, amount_minor)
    event = HoldChanged(**common, remaining=state.left_minor, expires_at=expires_at)
    return _keep(book, hold, state, event)


def void(book: Book, hold: Hold, reason: str | None) -> Hold:
    """Release what is left of a hold. Raises HoldNotOpen if it has ended, or its time is over."""
    hold.state.require_open(book.now)
    return _end(book, hold, hold.state.void(reason), HoldVoided)


def expire(book: Book, hold: Hold) -> Hold:
    """Release what is left of a hold whose time is over; any other stays as it is."""
    return _end(book, hold, hold.state.expire(), HoldExpired) if hold.state.is_due(book.now) else hold


def _end(book: Book, hold: Hold, state: HoldState, kind: type[HoldVoided | HoldExpired]) -> Hold:
    payer, left = _payer(book, hold), hold.state.left_minor
    book.change_wallet(payer, payer.release(hold.id, left, book.now))
    return _keep(book, hold, state, kind(**_event_fields(hold, state, book.now, left)))


def _keep(book: Book, hold: Hold, state: HoldState, event: TransactionEvent) -> Hold:
    """Have a hold saved in its new state, and record the event."""
    changed = replace(hold, state=state)
    book.locked.of(HOLDS)[hold.id] = changed
    book.change(HOLDS, hold.id, changed)
    book.record(event, hold.tenant)
    return changed


def _event_fields(hold: Hold, state: HoldState, at: datetime, amount_minor: int) -> dict[str, Any]:
    request = hold.request
    return {
        "transaction_id": hold.id,
        "sequence": state.sequence,
        "occurred_at": at,
        "from_wallet_id": request.from_wallet_id,
        "to_wallet_id": request.to_wallet_id,
        "amount": amount_minor,
        "currency": request.amount.currency,
        "reference": request.reference,
    }


def _payer(book: Book, hold: Hold) -> Wallet:
    return book.locked.wallets[hold.request.from_wallet_id]


def _payee(book: Book, hold: Hold) -> Wallet:
    return book.locked.wallets[hold.request.to_wallet_id]
