"""The reader of exchange rates."""

from __future__ import annotations

from typing import Protocol

from tekana.domain.money import Currency
from tekana.domain.rates import Rate


class Rates(Protocol):
    """The latest rate of each pair of currencies, expired ones included. They are the same for every caller.

    Reads come from the primary database. Every method may raise Unavailable.
    """

    async def list(self) -> tuple[Rate, ...]:
        """Return all rates, by base currency, then quote currency."""
        ...

    async def get(self, base: Currency, quote: Currency) -> Rate:
        """Return the rate of a pair.

        Raises:
            RateNotFound: none was set.
        """
        ...
