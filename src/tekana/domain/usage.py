"""Usage: what a customer has moved in the present day, week and month, in one currency.

Days are those of the operator's time zone; a week begins on Monday. Days are counted as `date.toordinal` does.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from operator import eq
from typing import Final, NamedTuple

from tekana.domain.limits import WINDOW_NAMES, LimitedDirection, Window, is_count


class Usage(NamedTuple):
    """What was moved, in the order of `tekana.domain.limits.WINDOW_NAMES`. Amounts are in minor units.

    Attributes:
        day: the day of the latest movement; what is counted is of the day, week and month that it is in.
        elsewhere: the balance of the customer's other wallets in the currency.
    """

    day: int = 0
    daily_outgoing_amount: int = 0
    daily_outgoing_count: int = 0
    weekly_outgoing_amount: int = 0
    weekly_outgoing_count: int = 0
    monthly_outgoing_amount: int = 0
    monthly_outgoing_count: int = 0
    daily_incoming_amount: int = 0
    daily_incoming_count: int = 0
    weekly_incoming_amount: int = 0
    weekly_incoming_count: int = 0
    monthly_incoming_amount: int = 0
    monthly_incoming_count: int = 0
    elsewhere: int = 0


NO_USAGE: Final = Usage(day=1)
"""Nothing was moved yet."""

# Builds a NamedTuple of all its fields in half the time of its constructor, as every transfer does.
_new_tuple: Final = tuple.__new__


class Period(NamedTuple):
    """A day, and the first days of its week and month."""

    day: int
    week: int
    month: int


def period_of(moment: datetime, zone: tzinfo) -> Period:
    """Return the day, week and month of a moment in a time zone."""
    return period_of_day(moment.astimezone(zone).date().toordinal())


def period_of_day(day: int) -> Period:
    """Return a day with its week and month."""
    when = date.fromordinal(day)
    return Period(day, day - when.weekday(), day - when.day + 1)


def usage_at(usage: Usage | None, period: Period) -> Usage:
    """Return the usage of a period: what is of a day, week or month before counts no more.

    If a clock was set back, the day stays the later one.
    """
    if usage is None:
        return _new_tuple(Usage, (period.day, *NO_USAGE[1:]))
    last, _, _, out_week, out_weeks, out_month, out_months, _, _, in_week, in_weeks, in_month, in_months, rest = usage
    day, week, month = period
    if last >= day:
        return usage
    if last < week:
        out_week = out_weeks = in_week = in_weeks = 0
    if last < month:
        out_month = out_months = in_month = in_months = 0
    values = (day, 0, 0, out_week, out_weeks, out_month, out_months, 0, 0, in_week, in_weeks, in_month, in_months, rest)
    return _new_tuple(Usage, values)


def usage_with(usage: Usage, net_minor: int) -> Usage:
    """Return the usage with one more transaction: an incoming one, or an outgoing one with a negative amount."""
    day, out_1, out_2, out_3, out_4, out_5, out_6, in_1, in_2, in_3, in_4, in_5, in_6, rest = usage
    if net_minor < 0:
        used: tuple[int, ...] = (
            *(day, out_1 - net_minor, out_2 + 1, out_3 - net_minor, out_4 + 1, out_5 - net_minor, out_6 + 1),
            *(in_1, in_2, in_3, in_4, in_5, in_6, rest),
        )
    else:
        used = (
            *(day, out_1, out_2, out_3, out_4, out_5, out_6),
            *(in_1 + net_minor, in_2 + 1, in_3 + net_minor, in_4 + 1, in_5 + net_minor, in_6 + 1, rest),
        )
    return _new_tuple(Usage, used)


def usage_without(usage: Usage, undone: Period, net_minor: int, *, is_whole: bool) -> Usage:
    """Return the usage without what a transaction had used, in those of its windows that are still the present ones.

    Args:
        usage: the present one, with the transaction.
        undone: the day of the transaction, with its week and month.
        net_minor: how much of what it moved is undone: negative if it was outgoing.
        is_whole: whether nothing is left of the transaction, so that its number does not count any more either.
    """
    present = period_of_day(usage.day)
    are_same = dict(zip(("daily", "weekly", "monthly"), map(eq, undone, present), strict=True))
    direction = "outgoing" if net_minor < 0 else "incoming"
    changed = {
        name: value - (is_whole if is_count(name) else abs(net_minor))
        for name, value in zip(WINDOW_NAMES, usage[1:-1], strict=True)
        if direction_of(name) == direction and are_same[window_of(name)]
    }
    return usage._replace(**changed)


def window_of(name: str) -> Window:
    """Return the window of a limit, or of a field of Usage."""
    return name.partition("_")[0]  # type: ignore[return-value]


def direction_of(name: str) -> LimitedDirection:
    """Return the direction of a limit of a window, or of a field of Usage."""
    return name.split("_")[1]  # type: ignore[return-value]


def window_end(window: Window, day: int, zone: tzinfo) -> datetime:
    """Return when the day, week or month that a day is in ends: the first moment of the next one, in UTC."""
    today, period = date.fromordinal(day), period_of_day(day)
    match window:
        case "daily":
            end = today + timedelta(days=1)
        case "weekly":
            end = date.fromordinal(period.week) + timedelta(days=7)
        case _:
            end = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    # Where the clock is set forward at midnight, that moment has the offset of before.
    return datetime.combine(end, time(0), zone).astimezone(UTC)
