"""Money: integer minor units of an ISO 4217 currency. Never a float; amounts of different currencies never mix."""

from __future__ import annotations

import re
from typing import Final, NewType

from tekana.domain.errors import invalid
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.value import value

Currency = NewType("Currency", str)
"""The alphabetic code of an ISO 4217 currency that has minor units, such as "RWF"."""

AMOUNT_MAX_MINOR: Final = 10**15
"""The largest amount of one transaction, in minor units: far below 2**63, so that sums fit a database integer."""

BALANCE_MAX_MINOR: Final = 2**63 - 1
"""The largest balance of a wallet, in minor units: the maximum of a signed 64-bit integer."""

_MOST_DIGITS: Final = 16

# By decimals: amounts as format_minor writes them, under AMOUNT_MAX_MINOR, and not under one major unit.
_NORMAL_AMOUNTS: Final = {
    places: re.compile(rf"[1-9][0-9]{{0,{14 - places}}}" + (rf"\.[0-9]{{{places}}}" if places else ""))
    for places in set(EXPONENTS.values())
}


def parse_currency(code: str) -> Currency:
    """Check a currency code.

    Raises:
        InvalidRequest: ISO 4217 has no such currency, or it has no minor unit (gold, test codes).
    """
    if not isinstance(code, str) or code not in EXPONENTS:
        raise invalid("currency", f"{str(code)[:10]!r} is not an ISO 4217 currency code such as USD")
    return Currency(code)


@value()
class Money:
    """An amount in integer minor units of one currency, such as 1250 USD for $12.50. It may be negative."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money is counted in whole minor units, not in {type(self.minor).__name__}")
        if self.currency not in EXPONENTS:
            parse_currency(self.currency)  # raises InvalidRequest

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Parse a positive decimal string in major units: "12.50", "12.5", "1500".

        Raises:
            InvalidRequest: the currency is unknown; or the text is not plain ASCII digits with at most the currency's
                decimals, is zero, or is more than AMOUNT_MAX_MINOR minor units.
        """
        code = parse_currency(currency)
        if not isinstance(text, str):
            raise invalid("amount", f"must be a decimal number in a string, not {type(text).__name__}")
        places = EXPONENTS[code]
        whole, dot, decimals = text.partition(".")
        if not _digits(whole) or (dot and not _digits(decimals)):
            raise invalid("amount", 'must be a positive decimal number in a string, such as "12.50"')
        if len(decimals) > places:
            raise invalid("amount", f"{code} has {places} decimals, not {len(decimals)}")
        whole = whole.lstrip("0") or "0"
        minor = int(whole + decimals.ljust(places, "0")) if len(whole) <= _MOST_DIGITS else AMOUNT_MAX_MINOR + 1
        if minor == 0:
            raise invalid("amount", "must be more than zero")
        if minor > AMOUNT_MAX_MINOR:
            raise invalid("amount", f"must be at most {format_minor(AMOUNT_MAX_MINOR, code)} {code}")
        return cls(minor, code)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same_currency(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same_currency(other).minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    @property
    def major(self) -> str:
        """Return the amount in major units, with all the currency's decimals: "12.50", "1500", "-0.005"."""
        return format_minor(self.minor, self.currency)

    def _same_currency(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other


def normalize_amount(text: str, currency: str) -> str:
    """Return a positive decimal string with all the currency's decimals, so that "5" and "5.00" are one.

    Raises InvalidRequest as `Money.parse` does.
    """
    is_known = type(text) is str and type(currency) is str and currency in EXPONENTS
    if is_known and _NORMAL_AMOUNTS[EXPONENTS[currency]].fullmatch(text):  # as it mostly is
        return text
    return Money.parse(text, currency).major


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def format_minor(minor: int, currency: Currency) -> str:
    """Format minor units as a decimal string in major units, with all the currency's decimals."""
    places = EXPONENTS[currency]
    if places == 0:
        return str(minor)
    digits = str(abs(minor)).rjust(places + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}"
