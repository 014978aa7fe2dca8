"""The exchange positions: what the operator holds of each currency from exchanges, and what they earned with them.

The operator's `exchange` wallets begin at zero, and only exchanges and their reversals move money in them. So what all
of them are worth together is the profit of all exchanges so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import Currency, Money
from tekana.domain.rates import Rate
from tekana.ports.reports import TrialBalance


class ExchangePosition(NamedTuple):
    """What the operator holds of a currency.

    Attributes:
        balance: of the exchange wallets of the currency; below zero if more was given out than came in.
        rate: the rate at whose middle it is valued; None if none applies, and in the currency of the report.
        value: its value in the currency of the report, rounded down; None if no rate applies.
    """

    balance: Money
    rate: Rate | None
    value: Money | None


class ExchangePositions(NamedTuple):
    """The positions in all currencies at a time.

    Attributes:
        at: the time, aware.
        currency: that of the values.
        positions: by currency; without those of nothing.
    """

    at: datetime
    currency: Currency
    positions: tuple[ExchangePosition, ...]

    @property
    def profit(self) -> Money | None:
        """Return what the positions are worth together: a loss is below zero. None if one of them has no value."""
        values = [one.value for one in self.positions]
        known = [one for one in values if one is not None]
        return sum(known, Money(0, self.currency)) if len(known) == len(values) else None


def exchange_positions(balance: TrialBalance, rates: Iterable[Rate], currency: Currency) -> ExchangePositions:
    """Value the exchange wallets of a trial balance.

    Args:
        balance: the trial balance.
        rates: the latest of each pair.
        currency: that of the values.
    """
    by_currency = {one.base if one.quote == currency else one.quote: one for one in rates if currency in one.pair}
    return ExchangePositions(
        balance.at,
        currency,
        tuple(
            _position(Money(one.balance_minor, one.currency), by_currency.get(one.currency), currency, balance.at)
            for one in balance.accounts
            if one.account == "exchange" and one.balance_minor
        ),
    )


def _position(balance: Money, rate: Rate | None, currency: Currency, at: datetime) -> ExchangePosition:
    if balance.currency == currency:
        return ExchangePosition(balance, None, balance)
    if rate is None or not rate.is_valid(at):
        return ExchangePosition(balance, None, None)
    middle = rate.middle if rate.quote == currency else 1 / rate.middle
    exact = balance.minor * middle * Fraction(10) ** (EXPONENTS[currency] - EXPONENTS[balance.currency])
    return ExchangePosition(balance, rate, Money(exact.numerator // exact.denominator, currency))
