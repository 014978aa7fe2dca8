"""The check of holds: what is held in each wallet is what its open holds have left, and captures are of their hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tekana.application.audit.snapshot import Snapshot
from tekana.domain.events import FundsHeld, HoldReleased
from tekana.domain.holds import Hold, details_of_capture
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.money import Currency
from tekana.domain.transaction import TransactionRequest


def hold_breaches(snapshot: Snapshot) -> Iterator[str]:
    """Yield wallets and holds that disagree about what is held, and holds and captures that disagree."""
    holds = snapshot.holds()
    left: Counter[WalletId] = Counter()
    for hold in holds.values():
        left[hold.request.from_wallet_id] += hold.state.left_minor
    known = {wallet.id for wallet in snapshot.wallets}
    yield from (f"wallet {one}: has holds, but is not there" for one in left.keys() - known)
    for wallet in snapshot.wallets:
        if wallet.held != left[wallet.id]:
            yield f"wallet {wallet.id}: {wallet.held} is held, open holds have {left[wallet.id]} left"
    held = {one.id for one in snapshot.transactions if one.hold is not None}
    yield from (f"hold {one}: has no transaction, or a transaction no hold" for one in held ^ holds.keys())
    yield from _captured(snapshot, holds)
    yield from _held_by_events(snapshot, left)


def _captured(snapshot: Snapshot, holds: Mapping[TransactionId, Hold]) -> Iterator[str]:
    """Yield holds whose captures do not sum to what is captured, and captures that are not of their hold."""
    captured: Counter[TransactionId] = Counter()
    for one in snapshot.transactions:
        request = one.request
        if request.type != "capture" or one.status != "posted":
            continue
        hold = None if request.relates_to is None else holds.get(request.relates_to.transaction_id)
        if hold is None or _parties(request) != _parties(hold.request) or request.details != details_of_capture(hold):
            yield f"transaction {one.id}: captures no hold, or one of other wallets, or for something else"
        else:
            captured[hold.id] += request.amount.minor
    for hold in holds.values():
        state = hold.state
        if state.captured_minor != captured[hold.id] or not 0 <= state.captured_minor <= state.amount_minor:
            yield f"hold {hold.id}: {state.captured_minor} of {state.amount_minor}, its captures: {captured[hold.id]}"
        elif state.status == "pending" and not state.left_minor:
            yield f"hold {hold.id}: is open, and nothing is left of it"


def _parties(request: TransactionRequest) -> tuple[WalletId, WalletId, Currency]:
    return request.from_wallet_id, request.to_wallet_id, request.amount.currency


def _held_by_events(snapshot: Snapshot, left: Mapping[WalletId, int]) -> Iterator[str]:
    """Yield wallets whose events say that something else is held than open holds do."""
    held: Counter[WalletId] = Counter()
    for event in snapshot.events():
        if isinstance(event, FundsHeld | HoldReleased):
            held[event.wallet_id] += event.amount if isinstance(event, FundsHeld) else -event.amount
            if event.held_after != held[event.wallet_id]:
                yield f"wallet {event.wallet_id}: event {event.sequence} says that {event.held_after} is held"
                held[event.wallet_id] = event.held_after
    for wallet in snapshot.wallets:
        if wallet.held != held[wallet.id] and wallet.held == left[wallet.id]:
            yield f"wallet {wallet.id}: {wallet.held} is held, its events say {held[wallet.id]}"
