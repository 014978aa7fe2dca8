"""A model of fees: what a transaction costs, who has which share of it, and which schedule applies.

Without the code of the core: fees are counted in fractions, and rounded at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import Final, NamedTuple

FEE_PAYERS: Final[Mapping[str, tuple[str, ...]]] = {
    "deposit": ("payee",),
    "withdrawal": ("payer",),
    "transfer": ("payer", "payee"),
    "payment": ("payer", "payee"),
    "capture": ("payee",),
    "exchange": ("payer",),
}
"""Who may pay for which type of transaction."""

PERCENT: Final = 1_000_000


class Fee(NamedTuple):
    """What a transaction costs: the fee with all its shares, the tax beside it, and the shares by wallet."""

    paid_by: str
    fee: int
    tax: int
    shares: tuple[tuple[int, int], ...] = ()

    @property
    def total(self) -> int:
        """What the one who pays it pays."""
        return self.fee + self.tax


class Band(NamedTuple):
    """The fee of amounts up to a bound: a flat part, and ten-thousandths of a percent of the amount."""

    up_to: int | None
    flat: int
    percentage: int


class Prices(NamedTuple):
    """What a schedule says about amounts."""

    bands: tuple[Band, ...]
    minimum: int | None = None
    maximum: int | None = None
    tax: int = 0

    def of(self, amount: int) -> tuple[int, int]:
        """Return the fee and the tax of an amount."""
        band = next(one for one in self.bands if one.up_to is None or amount <= one.up_to)
        fee = band.flat + _half_up(Fraction(amount * band.percentage, PERCENT))
        fee = fee if self.minimum is None or fee > self.minimum else self.minimum
        fee = fee if self.maximum is None or fee < self.maximum else self.maximum
        return fee, _half_up(Fraction(fee * self.tax, PERCENT))


class Scope(NamedTuple):
    """What a schedule is for: a type and a currency, of one tier or all, of the one tenant or of all."""

    type: str
    currency: str
    tier: str | None
    is_of_tenant: bool


@dataclass
class Schedule:
    """A fee schedule; it applies from its beginning until before its end."""

    scope: Scope
    paid_by: str
    prices: Prices
    shares: tuple[tuple[int, int], ...]
    begins: datetime
    ends: datetime | None = None

    def overlaps(self, begins: datetime, ends: datetime | None) -> bool:
        """Return whether there is a moment at which it applies, between two others."""
        first = max(self.begins, begins)
        return (self.ends is None or first < self.ends) and (ends is None or first < ends)

    def charge(self, amount: int) -> Fee | None:
        """Return what an amount costs."""
        fee, tax = self.prices.of(amount)
        shares = [(wallet, floor(Fraction(fee * part, PERCENT))) for wallet, part in self.shares]
        return Fee(self.paid_by, fee, tax, tuple(one for one in shares if one[1] > 0)) if fee else None


@dataclass
class FeeModel:
    """All fee schedules, by their numbers: in the order in which they were created."""

    schedules: list[Schedule] = field(default_factory=list)

    def create(self, new: Schedule) -> str:
        """Add a schedule, unless it and another one would apply to the same at the same time."""
        same = [one for one in self.schedules if one.scope == new.scope]
        if any(one.overlaps(new.begins, new.ends) for one in same):
            return "fee_schedule_overlaps"
        self.schedules.append(new)
        return "done"

    def end(self, number: int, at: datetime, now: datetime) -> str:
        """Have a schedule end at a time."""
        schedule = self.schedules[number]
        if schedule.ends is not None and schedule.ends <= now:
            return "fee_schedule_ended"
        schedule.ends = max(at, schedule.begins)
        return "done"

    def find(self, type_: str, currency: str, tier: str, now: datetime) -> Schedule | None:
        """Return the schedule that applies to a customer of a tier: the most special one."""
        valid = {one.scope: one for one in self.schedules if one.begins <= now and (one.ends is None or now < one.ends)}
        for is_of_tenant in (True, False):
            for of_tier in (tier, None):
                if found := valid.get(Scope(type_, currency, of_tier, is_of_tenant)):
                    return found
        return None


def _half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))
