"""Exchange rates: what the operator pays and takes for one unit of a currency, in another one.

A customer who gives the base is paid at the bid; one who gives the quote currency gets the base at the ask. What they
get is rounded down to a whole minor unit, so that rounding never costs the operator anything, and never creates money:
each currency sums to zero through the operator's `exchange` wallets anyway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache
from typing import ClassVar, Final, NamedTuple, NewType
from uuid import UUID

from tekana.domain.errors import AmountTooSmall, RateNotFound, RateUnavailable, invalid
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import AMOUNT_MAX_MINOR, Currency, Money

_PRICE: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10})?", re.ASCII)


RateId = NewType("RateId", UUID)

_FIRST_ID: Final = 2 << 80 | 0x7 << 76 | 0b10 << 62


class Pair(NamedTuple):
    """Two currencies: prices are those of one unit of the base, in the quote currency."""

    base: Currency
    quote: Currency

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"

    @property
    def inverse(self) -> Pair:
        """Return the pair with base and quote in each other's place."""
        return Pair(self.quote, self.base)


@cache
def rate_id(pair: Pair) -> RateId:
    """Return the id of the rate of a pair: a UUIDv7 that spells both currencies.

    It is of the third millisecond of 1970: house wallets and limits have those of the first two.

    Raises:
        RateNotFound: one of them is no currency.
    """
    if not EXPONENTS.keys() >= {*pair}:
        raise rate_not_found(pair)
    base, quote = (int.from_bytes(one.encode("ascii"), "big") for one in pair)
    return RateId(UUID(int=_FIRST_ID | base << 24 | quote))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The prices of a pair, as the operator has set them: each setting is a version that is kept.

    Attributes:
        bid, ask: normal decimal strings, the bid at most the ask: see `normalize_price`.
        version: numbers the settings of the pair, from 1.
        valid_from, valid_until: when it applies; without an end, until it is replaced.
        set_by: the subject of the caller who has set it.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = ("bid", "ask", "valid_until")

    base: Currency
    quote: Currency
    bid: str
    ask: str
    version: int
    valid_from: datetime
    valid_until: datetime | None
    set_by: str

    @property
    def pair(self) -> Pair:
        """Return the two currencies."""
        return Pair(self.base, self.quote)

    @property
    def id(self) -> RateId:
        """Return the id, the same for each version."""
        return rate_id(self.pair)

    @property
    def middle(self) -> Fraction:
        """Return the price between bid and ask."""
        return (Fraction(self.bid) + Fraction(self.ask)) / 2

    def is_valid(self, at: datetime) -> bool:
        """Return whether it applies at a time."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def convert(self, money: Money) -> Money:
        """Return what a customer gets for an amount of one of the two currencies, rounded down.

        Raises:
            AmountTooSmall: less than the smallest unit.
            RateUnavailable: more than the largest amount of a transaction.
        """
        gives_base = money.currency == self.base
        currency = self.quote if gives_base else self.base
        price = Fraction(self.bid) if gives_base else 1 / Fraction(self.ask)
        exact = money.minor * price * Fraction(10) ** (EXPONENTS[currency] - EXPONENTS[money.currency])
        minor = exact.numerator // exact.denominator
        if minor == 0:
            raise AmountTooSmall(f"{money} is less than the smallest amount of {currency} at the rate of {self.pair}")
        if minor > AMOUNT_MAX_MINOR:
            raise RateUnavailable(f"{money} is more than one transaction can have in {currency}")
        return Money(minor, currency)


def rate_not_found(pair: Pair) -> RateNotFound:
    """Build the error of a pair without a rate."""
    return RateNotFound(f"there is no rate of {pair}")


def normalize_price(name: str, text: str) -> str:
    """Return a price without zeros that change nothing, so that "1.50" and "1.5" are one.

    Raises:
        InvalidRequest: it is no positive decimal string with at most 10 digits before and 10 after the point.
    """
    if not isinstance(text, str) or not _PRICE.fullmatch(text):
        raise invalid(
            name, 'must be a positive decimal number in a string, such as "1310.25", with at most 10 decimals'
        )
    whole, _, decimals = text.partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    if (whole, decimals) == ("0", ""):
        raise invalid(name, "must be more than zero")
    return f"{whole}.{decimals}" if decimals else whole


def check_prices(bid: str, ask: str) -> None:
    """Check that the operator buys for no more than they sell. Raises InvalidRequest."""
    if Fraction(bid) > Fraction(ask):
        raise invalid("bid", "must be at most the ask: otherwise every exchange there and back would cost the operator")
