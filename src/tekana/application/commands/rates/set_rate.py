"""Set the exchange rate of two currencies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import Time, check_all, to_time
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import HouseForbidden, InvalidRequest, InverseRateExists, Refused, invalid
from tekana.domain.exchange import RATES
from tekana.domain.lock_set import LockSet
from tekana.domain.money import parse_currency
from tekana.domain.policy import has_all_tenants
from tekana.domain.rates import Pair, Rate, check_prices, normalize_price, rate_id


class SetRate(Struct, frozen=True, kw_only=True):
    """Set what the operator pays (bid) and takes (ask) for one unit of the base currency, in the quote currency.

    It replaces the rate before. Rates are those of every tenant, so the caller needs access to all of them.

    Attributes:
        bid, ask: decimal strings with at most 10 decimals, the bid at most the ask.
        valid_until: when the rate expires; left out, it applies until it is replaced.
    """

    NAME: ClassVar[str] = "SetRate"
    SCOPE: ClassVar[Scope] = "rates:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (HouseForbidden, InverseRateExists)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "base": "USD",
        "quote": "RWF",
        "bid": "1310",
        "ask": "1320",
        "valid_until": "2099-12-31T22:00:00Z",
    }

    base: str
    quote: str
    bid: str
    ask: str
    valid_until: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: _check_currency("base", self.base),
            lambda: _check_currency("quote", self.quote),
            lambda: force_setattr(self, "bid", normalize_price("bid", self.bid)),
            lambda: force_setattr(self, "ask", normalize_price("ask", self.ask)),
            self._check_valid_until,
        )
        if self.base == self.quote:
            raise invalid("quote", "must be another currency than the base")
        check_prices(self.bid, self.ask)

    def _check_valid_until(self) -> None:
        if self.valid_until is not None:
            force_setattr(self, "valid_until", to_time("valid_until", self.valid_until))

    @property
    def pair(self) -> Pair:
        """Return the two currencies."""
        return Pair(parse_currency(self.base), parse_currency(self.quote))

    def partition_key(self) -> UUID:
        """Return the id of the rate, the same for both directions, as at most one of them is set."""
        return min(rate_id(self.pair), rate_id(self.pair.inverse))

    def locks(self) -> LockSet:
        return LockSet(others=(RATES.ref(rate_id(self.pair)), RATES.ref(rate_id(self.pair.inverse))))

    def decide(self, book: Book) -> Rate:
        """Set the rate. Raises InvalidRequest if it would have expired already."""
        if not has_all_tenants(book.caller):
            raise HouseForbidden("rates are those of all tenants: this needs the scope tenants:all")
        until: datetime | None = self.valid_until
        if until is not None and until <= book.now:
            raise invalid("valid_until", "must be a time to come")
        pair, locked = self.pair, book.locked.of(RATES)
        if rate_id(pair.inverse) in locked:
            raise InverseRateExists(f"there is a rate of {pair.inverse}: set that one, which gives both directions")
        before = locked.get(rate_id(pair))
        if before is not None and (before.bid, before.ask, before.valid_until) == (self.bid, self.ask, until):
            return before
        after = Rate(
            base=pair.base,
            quote=pair.quote,
            bid=self.bid,
            ask=self.ask,
            version=_next_version(book, before),
            valid_from=book.now if before is None else max(book.now, before.valid_from),
            valid_until=until,
            set_by=book.caller.subject,
        )
        book.add(RATES, after.id, after)
        return after


def _check_currency(name: str, code: str) -> None:
    try:
        parse_currency(code)
    except InvalidRequest as error:
        raise invalid(name, error.errors[0].message) from None


def _next_version(book: Book, before: Rate | None) -> int:
    """Return the number of the next version; of several settings in a unit of work, the last is kept."""
    if before is None:
        return 1
    return before.version if before.id in book.changes.added_of(RATES) else before.version + 1
