"""The terms: what the operator sets, and decisions depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from tekana.domain.errors import RateUnavailable, invalid
from tekana.domain.fees import FeeSchedule
from tekana.domain.limits import TIERS, WINDOW_NAMES, LimitSet
from tekana.domain.money import Currency
from tekana.domain.rates import Pair, Rate
from tekana.domain.usage import direction_of

DEFAULT_TIME_ZONE: Final = "Africa/Kigali"

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when the first limits, and the first time zone, are in force."""


class TimeZoneSetting(NamedTuple):
    """A time zone, by its name, and since when it is in force."""

    valid_from: datetime
    name: str


DEFAULT_TIME_ZONES: Final = (TimeZoneSetting(BEGINNING, DEFAULT_TIME_ZONE),)
"""The time zones of an operator who has set none."""


class PreparedLimits(NamedTuple):
    """Limits, in the form in which each transaction is compared with them.

    Attributes:
        outgoing, incoming: the limits of windows: for each that is set, its place in a Usage, and its value.
    """

    limits: LimitSet
    outgoing: tuple[tuple[int, int], ...]
    incoming: tuple[tuple[int, int], ...]


def prepared(limits: LimitSet) -> PreparedLimits:
    """Prepare limits."""
    of_windows = [
        (direction_of(name), place, value)
        for place, (name, value) in enumerate(zip(WINDOW_NAMES, limits[2:], strict=True), 1)
        if value is not None
    ]
    return PreparedLimits(
        limits,
        tuple((place, value) for direction, place, value in of_windows if direction == "outgoing"),
        tuple((place, value) for direction, place, value in of_windows if direction == "incoming"),
    )


class LimitKey(NamedTuple):
    """What limits are for: a tier and a currency."""

    tier: str
    currency: Currency


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms in force. A store returns them with what it locks.

    Attributes:
        limits: of those tiers and currencies that have some.
        time_zones: those of the operator, in order; days, weeks and months of limits are those of the last one.
        rates: the latest one of each pair, by base and quote currency.
        fees: the fee schedules, by type of transaction and currency; those that have ended among them.
        counted_from: from when on transactions are counted for limits.
    """

    limits: Mapping[LimitKey, LimitSet] = field(default_factory=dict)
    time_zones: tuple[TimeZoneSetting, ...] = DEFAULT_TIME_ZONES
    rates: Mapping[Pair, Rate] = field(default_factory=dict)
    fees: Mapping[tuple[str, str], tuple[FeeSchedule, ...]] = field(default_factory=dict)
    counted_from: datetime = BEGINNING
    prepared: Mapping[tuple[str, str], PreparedLimits] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prepared", {key: prepared(one) for key, one in self.limits.items()})

    def rate_between(self, one: Currency, other: Currency, at: datetime) -> Rate:
        """Return the rate of two currencies that applies at a time. Raises RateUnavailable."""
        pair = Pair(one, other)
        rate = self.rates.get(pair) or self.rates.get(pair.inverse)
        if rate is None or not rate.is_valid(at):
            ended = "" if rate is None else ": the last one has expired"
            raise RateUnavailable(f"there is no rate of {one} and {other} now{ended}")
        return rate

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone that is in force."""
        return zone_of(self.time_zones[-1].name)

    def zone_at(self, moment: datetime) -> ZoneInfo:
        """Return the time zone that was in force at a time."""
        names = [one.name for one in self.time_zones if one.valid_from <= moment]
        return zone_of(names[-1] if names else self.time_zones[0].name)


NO_TERMS: Final = Terms()
"""No limits."""


def by_transaction(schedules: Iterable[FeeSchedule]) -> dict[tuple[str, str], tuple[FeeSchedule, ...]]:
    """Return fee schedules by type of transaction and currency."""
    found: dict[tuple[str, str], tuple[FeeSchedule, ...]] = {}
    for one in schedules:
        key = one.transaction_type, one.currency
        found[key] = (*found.get(key, ()), one)
    return found


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with this name in the IANA database. Raises InvalidRequest if there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # of ZoneInfoNotFoundError, too
        raise invalid("time_zone", "must be the name of a time zone, such as Africa/Kigali") from None


def _amounts(transaction: int, balance: int | None, daily: int, weekly: int | None, monthly: int | None) -> LimitSet:
    return LimitSet(
        largest_transaction=transaction,
        largest_balance=balance,
        daily_outgoing_amount=daily,
        weekly_outgoing_amount=weekly,
        monthly_outgoing_amount=monthly,
        daily_incoming_amount=daily,
        weekly_incoming_amount=weekly,
        monthly_incoming_amount=monthly,
    )


DEFAULT_LIMITS: Final[Mapping[LimitKey, LimitSet]] = {
    LimitKey(tier, Currency("RWF")): limits
    for tier, limits in zip(
        TIERS,
        (
            _amounts(500_000, 1_000_000, 1_000_000, 2_000_000, 4_000_000),
            _amounts(1_000_000, 2_000_000, 2_000_000, 5_000_000, 10_000_000),
            _amounts(5_000_000, 10_000_000, 10_000_000, 25_000_000, 50_000_000),
            _amounts(50_000_000, None, 200_000_000, None, None),
        ),
        strict=True,
    )
}
"""The limits of a new installation. The operator replaces them with those of their licence."""
