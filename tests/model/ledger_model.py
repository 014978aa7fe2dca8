"""A model of the ledger: what each request must lead to, in plain Python, without the code of the core.

Transactions, fee schedules and quotes have numbers, from 0, in the order in which they were made; so have customers and
wallets.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from tests.model.fee_model import Fee
from tests.model.posting_model import PostingModel
from tests.model.records import (
    Held,
    Hold,
    House,
    Leg,
    Movement,
    Place,
    Quoted,
    Recorded,
    Refused,
    Result,
    answered,
    require,
)

REVERSIBLE: Final = {"deposit", "withdrawal", "transfer", "payment", "exchange", "capture"}

MINUTE: Final = timedelta(minutes=1)
"""For how long a quote can be used."""


class Priced(NamedTuple):
    """A movement with its price: what enters the payee's wallet of the amount, and the fee."""

    received: int
    fee: Fee | None


@dataclass
class ModelQuote:
    """A quote, and whether it was used."""

    movement: Movement
    priced: Priced
    expires_at: datetime
    used: bool = False


@dataclass
class LedgerModel(PostingModel):
    """Customers, wallets, terms, transactions, and quotes."""

    quotes: list[ModelQuote] = field(default_factory=list)

    # ------------------------------------------------------------------ movements and quotes

    @answered
    def move(self, asked: Movement) -> Result:
        """Move or hold money."""
        payer, payee = self._parties(asked)
        record = Recorded(asked.type, asked.amount, asked.currency, payer, payee)
        if asked.type == "hold":
            return self.hold(record)
        quote = None if asked.quote is None else self._usable_quote(asked, asked.quote)
        received, fee = self._price(asked) if quote is None else quote.priced
        record.legs = self._legs(asked, payer, payee, received)
        self.charged(record, fee)
        posted = self.post(record, (*record.legs, *record.fee_legs))
        if quote is not None:
            quote.used = True
        return posted

    @answered
    def quote(self, asked: Movement) -> Result:
        """Promise the price of a movement for a minute."""
        self._parties(asked)
        priced = self._price(asked)
        quote = ModelQuote(asked, priced, self.now + MINUTE)
        self.quotes.append(quote)
        fee = priced.fee
        total = fee.total if fee is not None else 0
        payers, payees = (total, 0) if fee is not None and fee.paid_by == "payer" else (0, total)
        return Quoted(fee, asked.amount + payers, priced.received - payees, quote.expires_at)

    def batch(self, movements: Sequence[Movement], *, all_or_none: bool) -> list[Result]:
        """Move money many times."""
        before = deepcopy(vars(self))
        results: list[Result] = []
        for one in movements:
            results.append(self.move(one))
            if all_or_none and isinstance(results[-1], str):
                vars(self).update(before)
                failed = len(results) - 1
                return [results[-1] if place == failed else "rolled_back" for place in range(len(movements))]
        return results

    def _parties(self, asked: Movement) -> tuple[Place, Place]:
        """Return where money leaves and enters."""
        payer, payee = self.wallets[asked.payer], self.wallets[asked.payee]
        settlement = House("settlement", asked.currency)
        require(payer.currency == asked.currency, "currency_mismatch")
        if asked.type == "deposit":
            return settlement, asked.payee
        if asked.type == "withdrawal":
            return asked.payer, settlement
        require((payee.currency == asked.currency) == (asked.type != "exchange"), "currency_mismatch")
        require(payer is not payee, "same_wallet")
        require(asked.type != "payment" or payee.kind == "merchant", "payee_not_merchant")
        return asked.payer, asked.payee

    def _price(self, asked: Movement) -> Priced:
        """Return what a movement costs and brings now."""
        received = asked.amount
        if asked.type == "exchange":
            if self.rate is None:
                raise Refused("rate_unavailable")
            bid, ask = self.rate
            received = asked.amount * bid // 100 if asked.currency == "USD" else asked.amount * 100 // ask
            require(received > 0, "amount_too_small")
        return Priced(received, self.charge(asked.type, asked.amount, asked.currency, *self._parties(asked)))

    def _legs(self, asked: Movement, payer: Place, payee: Place, received: int) -> tuple[Leg, ...]:
        if asked.type != "exchange":
            return (payer, -asked.amount), (payee, asked.amount)
        bought, sold = (House("exchange", self.wallets[one].currency) for one in (asked.payer, asked.payee))
        return (payer, -asked.amount), (bought, asked.amount), (sold, -received), (payee, received)

    def _usable_quote(self, asked: Movement, number: int) -> ModelQuote:
        quote = self.quotes[number]
        require(quote.movement == asked._replace(quote=None), "quote_mismatch")
        require(not quote.used, "quote_used")
        require(self.now < quote.expires_at, "quote_expired")
        return quote

    # ------------------------------------------------------------------ holds

    @answered
    def capture(self, number: int, amount: int | None, *, final: bool) -> Result:
        """Move money of a hold to its payee."""
        record, hold = self._open_hold(number)
        taken = hold.left if amount is None else amount
        require(taken <= hold.left, "capture_exceeds_hold")
        left = 0 if final else hold.left - taken
        payer, released = self.wallets[record.customer], hold.left - left
        captured = Recorded("capture", taken, record.currency, record.payer, record.payee)
        captured.legs = (record.payer, -taken), (record.payee, taken)
        captured.reverses = record.reverses
        if record.reverses is None:
            self.charged(captured, self.charge("capture", taken, record.currency, record.payer, record.payee))
        payer.held -= released
        try:
            posted = self.post(captured, (*captured.legs, *captured.fee_legs), counts=record.reverses is None)
        except Refused:
            payer.held += released
            raise
        hold.captured += taken
        hold.status = "pending" if left else "captured"
        return posted

    @answered
    def void(self, number: int) -> Result:
        """Release what is left of a hold."""
        return self._end(*self._open_hold(number), "voided")

    @answered
    def expire(self, number: int) -> Result:
        """Release what is left of a hold whose time is over."""
        record, hold = self._hold_of(number)
        is_due = hold.status == "pending" and hold.expires_at <= self.now
        return self._end(record, hold, "expired") if is_due else hold.shown

    @answered
    def change(self, number: int, amount: int | None, lasts: timedelta | None) -> Result:
        """Raise or lower the amount of a hold, and say for how long it is open from now on."""
        record, hold = self._open_hold(number)
        new = hold.amount if amount is None else amount
        require(new > hold.captured, "capture_exceeds_hold")
        if new > hold.amount:
            require(record.reverses is None, "reversal_exceeds_original")
            self.require_moves(record.payer, hold.amount - new, hold.amount - new)
        self.wallets[record.customer].held += new - hold.amount
        hold.amount = new
        hold.expires_at = hold.expires_at if lasts is None else self.now + lasts
        return hold.shown

    def _hold_of(self, number: int) -> tuple[Recorded, Hold]:
        record = self.records[number]
        if record.hold is None:
            raise Refused("not_found")
        return record, record.hold

    def _open_hold(self, number: int) -> tuple[Recorded, Hold]:
        record, hold = self._hold_of(number)
        require(hold.status == "pending" and self.now < hold.expires_at, "hold_not_open")
        return record, hold

    def _end(self, record: Recorded, hold: Hold, status: str) -> Held:
        self.wallets[record.customer].held -= hold.left
        hold.status = status
        return hold.shown

    # ------------------------------------------------------------------ reversals

    @answered
    def reverse(self, number: int, amount: int | None, *, hold_rest: bool, keep_fees: bool) -> Result:
        """Move money of a transaction back, or hold what is left of it."""
        original = self.records[number]
        require(original.type in REVERSIBLE and original.reverses is None, "not_reversible")
        part = original.left if amount is None else amount
        require(0 < part <= original.left, "reversal_exceeds_original")
        legs = _mirrored(original, original.legs, part)
        require(all(moved for _, moved in legs), "amount_too_small")
        payee = original.payee
        currency = payee.currency if isinstance(payee, House) else self.wallets[payee].currency
        given = Recorded("reversal", abs(legs[0][1]), currency, payee, original.payer)
        if not keep_fees:
            given.fee = _returned(original, part)
            legs = *(leg for leg in _mirrored(original, original.fee_legs, part) if leg[1]), *legs
        try:
            posted = self.post(given, legs, counts=False)
        except Refused as refused:
            if not hold_rest or str(refused) != "insufficient_funds":
                raise
            return self._hold_back(original, given)
        is_whole = original.reversed + part == original.amount
        self.limits.give_back(original.uses, lambda moved: original.part(moved, part), is_whole=is_whole)
        original.reversed += part
        return posted

    def _hold_back(self, original: Recorded, wanted: Recorded) -> Result:
        """Hold what the one who was paid has left, at most what was wanted; the operator's wallets hold nothing."""
        if isinstance(wanted.payer, House):
            raise Refused("insufficient_funds")
        receiver = self.wallets[wanted.payer]
        fee_back = wanted.fee.total if wanted.fee is not None and wanted.fee.paid_by == "payee" else 0
        only_a_share_is_missing = receiver.balance - receiver.held + fee_back >= wanted.amount
        require(not only_a_share_is_missing, "insufficient_funds")
        amount = min(receiver.balance - receiver.held, wanted.amount)
        is_other = isinstance(wanted.payee, int) and self.wallets[wanted.payee].currency != receiver.currency
        require(amount > 0 and not is_other, "insufficient_funds")
        record = Recorded("hold", amount, receiver.currency, wanted.payer, wanted.payee, reverses=original)
        held = self.hold(record)
        assert record.hold is not None
        original.held_back.append(record.hold)
        return held


def _mirrored(original: Recorded, legs: Sequence[Leg], part: int) -> tuple[Leg, ...]:
    """Return what a part of a transaction gives back, the last leg first."""
    return tuple((place, original.part(moved, part) * (-1 if moved > 0 else 1)) for place, moved in reversed(legs))


def _returned(original: Recorded, part: int) -> Fee | None:
    """Return what a part of a transaction gives back of its fee."""
    fee = original.fee
    if fee is None:
        return None
    shares = [(wallet, original.part(share, part)) for wallet, share in fee.shares]
    tax = original.part(fee.tax, part)
    back = Fee(fee.paid_by, original.part(fee.fee, part), tax, tuple(one for one in shares if one[1]))
    return back if back.fee or back.tax or back.shares else None
