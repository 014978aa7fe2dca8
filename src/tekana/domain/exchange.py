"""Exchanges: money of one currency leaves a wallet, and money of another enters one, at the operator's rate.

Both go through the operator's `exchange` wallets, one in each currency, so that each currency sums to zero. What these
wallets hold is the operator's position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tekana.domain.lock_set import LockKind
from tekana.domain.money import Currency, Money
from tekana.domain.rates import Rate, RateId
from tekana.domain.transaction import ExchangeDetails, Leg
from tekana.domain.wallet import Wallet

RATES: Final = LockKind[RateId, Rate]("rate")
"""The lock kind of rates. A store shows the latest ones in the Terms."""


def exchange_details(rate: Rate, amount: Money) -> ExchangeDetails:
    """Return what an amount is exchanged to. Raises AmountTooSmall, RateUnavailable."""
    received = rate.convert(amount)
    gives_base = amount.currency == rate.base
    return ExchangeDetails(
        received=received.minor,
        received_currency=received.currency,
        base=rate.base,
        quote=rate.quote,
        price=rate.bid if gives_base else rate.ask,
    )


def exchange_legs(
    amount: Money, received: Money, parties: Sequence[Wallet], houses: Sequence[Wallet]
) -> tuple[Leg, ...]:
    """Return the legs of an exchange.

    Args:
        amount: what leaves the payer's wallet.
        received: what enters the payee's.
        parties: the payer's wallet and the payee's.
        houses: the exchange wallets of the two currencies, that of the amount first.
    """
    (payer, payee), (bought, sold) = parties, houses
    return (
        Leg(payer, -amount.minor, amount.currency),
        Leg(bought, amount.minor, amount.currency),
        Leg(sold, -received.minor, received.currency),
        Leg(payee, received.minor, received.currency),
    )


def received_money(details: ExchangeDetails) -> Money:
    """Return what the payee of an exchange gets."""
    return Money(details.received, Currency(details.received_currency))
