"""Quotes: what a movement of money would cost and bring, promised for a short time.

A money command that names the quote is bound to it: it has the fee and the rate of the quote, even if schedules and
rates have changed since. A quote is used at most once, for exactly what was quoted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tekana.domain.errors import QuoteExpired, QuoteMismatch, QuoteNotFound, QuoteUsed
from tekana.domain.fees import Charge
from tekana.domain.identifiers import QuoteId, TransactionId, WalletId
from tekana.domain.lock_set import LockKind
from tekana.domain.money import Currency, Money
from tekana.domain.policy import can_use_quote
from tekana.domain.transaction import ExchangeDetails, Transaction, TransactionRequest

if TYPE_CHECKING:
    from tekana.domain.book import Book

QUOTE_LIFETIME: Final = timedelta(seconds=60)
"""For how long a quote can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a movement of money was quoted at.

    Attributes:
        tenant: the tenant of the caller who asked for it.
        type: the type of the transaction.
        charge: the fee and the tax; None for none.
        exchange: what an exchange brings; None for other types.
        created_by: the subject of the caller who asked for it.
        expires_at: from when on it cannot be used.
        used_by: the transaction that has used it; None before.
    """

    id: QuoteId
    tenant: str
    type: str
    from_wallet_id: WalletId
    to_wallet_id: WalletId
    amount: Money
    charge: Charge | None = None
    exchange: ExchangeDetails | None = None
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_by: TransactionId | None = None

    @property
    def total_debit(self) -> Money:
        """Return what leaves the payer's wallet in all."""
        is_paid = self.charge is not None and self.charge.paid_by == "payer"
        return Money(self.amount.minor + (self.charge.total if self.charge and is_paid else 0), self.amount.currency)

    @property
    def total_credit(self) -> Money:
        """Return what enters the payee's wallet in all."""
        received = self.amount
        if self.exchange is not None:
            received = Money(self.exchange.received, Currency(self.exchange.received_currency))
        is_paid = self.charge is not None and self.charge.paid_by == "payee"
        return Money(received.minor - (self.charge.total if self.charge and is_paid else 0), received.currency)


QUOTES: Final = LockKind[QuoteId, Quote]("quote")
"""The lock kind of quotes."""


def new_quote(book: Book, request: TransactionRequest) -> Quote:
    """Build the quote of a request that has its charge, and of an exchange its details."""
    return Quote(
        id=QuoteId(book.new_id()),
        tenant=book.caller.tenant,
        type=request.type,
        from_wallet_id=request.from_wallet_id,
        to_wallet_id=request.to_wallet_id,
        amount=request.amount,
        charge=request.charge,
        exchange=request.details if isinstance(request.details, ExchangeDetails) else None,
        created_by=book.caller.subject,
        created_at=book.now,
        expires_at=book.now + QUOTE_LIFETIME,
    )


def find_quote(book: Book, quote_id: QuoteId, request: TransactionRequest) -> Quote:
    """Return a locked quote that a request can use.

    Raises:
        QuoteNotFound: the caller has no quote with this id.
        QuoteMismatch: it is for something else.
        QuoteUsed, QuoteExpired: it can no longer be used.
    """
    quote = book.locked.of(QUOTES).get(quote_id)
    if quote is None or not can_use_quote(book.caller, quote):
        raise QuoteNotFound(f"no quote has the id {quote_id}")
    quoted = quote.type, quote.from_wallet_id, quote.to_wallet_id, quote.amount
    if quoted != (request.type, request.from_wallet_id, request.to_wallet_id, request.amount):
        raise QuoteMismatch("the quote is for another movement: its type, wallets and amount have to be the same")
    if quote.used_by is not None:
        raise QuoteUsed(f"the quote was used by transaction {quote.used_by}")
    if book.now >= quote.expires_at:
        raise QuoteExpired(f"the quote expired at {quote.expires_at.isoformat()}")
    return quote


def use_quote(book: Book, quote: Quote, posted: Transaction) -> None:
    """Register that a transaction has used a quote."""
    used = replace(quote, used_by=posted.id)
    book.locked.of(QUOTES)[quote.id] = used
    book.change(QUOTES, quote.id, used)
