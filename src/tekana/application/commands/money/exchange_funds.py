"""Exchange money of one currency for money of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tekana.application.commands.money.wallet_fields import NamedWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import AmountTooSmall, CurrencyMismatch, RateUnavailable, Refused
from tekana.domain.exchange import exchange_details, exchange_legs, received_money
from tekana.domain.identifiers import HouseRole
from tekana.domain.lock_set import NO_LOCKS, HouseWalletRef, LockedState, LockSet
from tekana.domain.transaction import Transaction

_HOUSE: HouseRole = "exchange"


class ExchangeFunds(NamedWallets, frozen=True, kw_only=True, tag_field="type", tag="exchange"):
    """Take money out of one wallet, and put its value into a wallet of another currency, at the operator's rate.

    The wallets are of one customer, or of two. The amount is in the currency of the wallet that it leaves. What enters
    the other one is rounded down to a whole minor unit.

    Attributes:
        to_wallet_id: the wallet that gets the value, in another currency.
    """

    NAME: ClassVar[str] = "ExchangeFunds"
    SCOPE: ClassVar[Scope] = "transactions:send"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (*NamedWallets.REFUSALS, RateUnavailable, AmountTooSmall)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "exchange",
        "from_wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "to_wallet_id": "0198d2a0-0000-7000-8000-000000000005",
        "amount": "13200",
        "currency": "RWF",
    }

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return the exchange wallet of the other currency, which the payee's wallet has."""
        payee = locked.wallets.get(self.to_wallet_id)
        if payee is None:
            return NO_LOCKS
        return NO_LOCKS._replace(house_wallets=(HouseWalletRef(_HOUSE, payee.currency),))

    def decide(self, book: Book) -> Transaction:
        """Post the amount in one currency, and its value in the other."""
        request = self.to_request(book)
        amount = request.amount
        payer = book.customer_wallet(request.from_wallet_id, amount.currency)
        payee = book.payee_wallet(request.to_wallet_id)
        if payee.currency == amount.currency:
            raise CurrencyMismatch(f"both wallets hold {amount.currency}: send a transfer")
        rate = book.locked.terms.rate_between(amount.currency, payee.currency, book.now)
        details = exchange_details(rate, amount)
        houses = [book.house_wallet(_HOUSE, one.currency) for one in (payer, payee)]
        legs = exchange_legs(amount, received_money(details), (payer, payee), houses)
        return book.post(replace(request, details=details), legs)
