"""What commands that set limits share: a field for each limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Final

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import check_all
from tekana.domain.caller import Scope
from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.limits import LIMIT_NAMES, WINDOW_NAMES, LimitSet, is_count
from tekana.domain.money import Money, normalize_amount, parse_currency
from tekana.domain.usage import window_of

COUNT_MAX: Final = 1_000_000_000
"""The largest limit of a number of transactions."""

_LONGER: Final = {"daily": ("weekly", "monthly"), "weekly": ("monthly",), "monthly": ()}


class LimitFields(Struct, frozen=True, kw_only=True):
    """The base of commands that set limits. A limit that is left out is none.

    Amounts are decimal strings in major units, such as "500000"; counts are numbers of transactions.
    """

    SCOPE: ClassVar[Scope] = "limits:write"

    currency: str
    largest_transaction: str | None = None
    largest_balance: str | None = None
    daily_outgoing_amount: str | None = None
    daily_outgoing_count: int | None = None
    weekly_outgoing_amount: str | None = None
    weekly_outgoing_count: int | None = None
    monthly_outgoing_amount: str | None = None
    monthly_outgoing_count: int | None = None
    daily_incoming_amount: str | None = None
    daily_incoming_count: int | None = None
    weekly_incoming_amount: str | None = None
    weekly_incoming_count: int | None = None
    monthly_incoming_amount: str | None = None
    monthly_incoming_count: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(*self._checks())

    def _checks(self) -> Iterator[Callable[[], object]]:
        try:
            parse_currency(self.currency)
        except InvalidRequest:
            yield partial(parse_currency, self.currency)
        else:
            yield from (partial(self._check_limit, name) for name in LIMIT_NAMES if getattr(self, name) is not None)
            yield self._check_windows

    def _check_limit(self, name: str) -> None:
        value = getattr(self, name)
        if is_count(name):
            if type(value) is not int or not 1 <= value <= COUNT_MAX:
                raise invalid(name, f"must be a whole number from 1 to {COUNT_MAX}")
            return
        try:
            force_setattr(self, name, normalize_amount(value, self.currency))
        except InvalidRequest as error:
            raise invalid(name, error.errors[0].message) from None

    def _check_windows(self) -> None:
        """Check that no limit of a window is above that of a longer one."""
        for name in WINDOW_NAMES:
            window = window_of(name)
            value = self._value(name)
            for longer in _LONGER[window]:
                other_name = name.replace(window, longer)
                other = self._value(other_name)
                if value is not None and other is not None and value > other:
                    raise invalid(name, f"must be at most {other_name}")

    def _value(self, name: str) -> int | None:
        value = getattr(self, name)
        if value is None or is_count(name):
            return value if type(value) is int else None
        try:
            return Money.parse(value, self.currency).minor
        except InvalidRequest:  # it has an error of its own
            return None

    @property
    def limits(self) -> LimitSet:
        """Return the limits."""
        return LimitSet(*map(self._value, LIMIT_NAMES))
