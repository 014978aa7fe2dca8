"""Exchange money of one currency for money of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tekana.application.commands.money.wallet_fields import QUOTE_REFUSALS, NamedWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.charging import charge_for, charged
from tekana.domain.errors import AmountTooSmall, CurrencyMismatch, RateUnavailable, Refused
from tekana.domain.exchange import exchange_details, exchange_legs, received_money
from tekana.domain.identifiers import HouseRole
from tekana.domain.lock_set import NO_LOCKS, HouseWalletRef, LockedState, LockSet
from tekana.domain.quotes import use_quote
from tekana.domain.transaction import ExchangeDetails, Transaction, TransactionRequest
from tekana.domain.wallet import Wallet

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
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        *NamedWallets.REFUSALS,
        RateUnavailable,
        AmountTooSmall,
        *QUOTE_REFUSALS,
    )
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

    def price(self, book: Book) -> TransactionRequest:
        """Return the request with its rate and its fee of now, without a quote."""
        request = self.to_request(book)
        payer, payee = self._wallets(book, request)
        details = _details_now(book, request, payee)
        return replace(request, details=details, charge=charge_for(book, request, payer, payee))

    def decide(self, book: Book) -> Transaction:
        """Post the amount in one currency, and its value in the other, with the fee."""
        request = self.to_request(book)
        payer, payee = self._wallets(book, request)
        quote = self.quote(book, request)
        if quote is None or quote.exchange is None:
            details, charge = _details_now(book, request, payee), charge_for(book, request, payer, payee)
        else:
            details, charge = quote.exchange, quote.charge
        houses = [book.house_wallet(_HOUSE, one.currency) for one in (payer, payee)]
        legs = exchange_legs(request.amount, received_money(details), (payer, payee), houses)
        posted = book.post(*charged(book, replace(request, details=details), legs, payer, payee, charge))
        if quote is not None:
            use_quote(book, quote, posted)
        return posted

    def _wallets(self, book: Book, request: TransactionRequest) -> tuple[Wallet, Wallet]:
        """Return the wallets of the payer and the payee, of different currencies."""
        payer = book.customer_wallet(request.from_wallet_id, request.amount.currency)
        payee = book.payee_wallet(request.to_wallet_id)
        if payee.currency == payer.currency:
            raise CurrencyMismatch(f"both wallets hold {payer.currency}: send a transfer")
        return payer, payee


def _details_now(book: Book, request: TransactionRequest, payee: Wallet) -> ExchangeDetails:
    rate = book.locked.terms.rate_between(request.amount.currency, payee.currency, book.now)
    return exchange_details(rate, request.amount)
