"""A model of limits: what each customer has moved, and whether they may move more, without the code of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

Limits = Mapping[str, int]
"""Limits by their names: in minor units, or numbers of transactions."""

KIGALI: Final = timedelta(hours=2)
"""How far the clocks of the operator are ahead of UTC."""


class Account(NamedTuple):
    """What limits are for: the money of a customer in a currency."""

    owner: int
    currency: str


@dataclass
class Use:
    """What a transaction has used of limits. What a reversal gives back does not count any more."""

    account: Account
    day: date
    direction: str
    moved: int
    given_back: int = 0
    count: int = 1

    @property
    def amount(self) -> int:
        """What is used."""
        return self.moved - self.given_back


class Override(NamedTuple):
    """Limits that replace those of the tier until a time."""

    limits: Limits
    until: datetime


def begin_of(window: str, day: date) -> date:
    """Return the first day of the day, week or month that a day is in."""
    return {"daily": day, "weekly": day - timedelta(days=day.weekday()), "monthly": day.replace(day=1)}[window]


@dataclass
class LimitModel:
    """The limits of tiers, by tier and currency; who has which tier, and what was used."""

    of_tiers: dict[tuple[str, str], Limits] = field(default_factory=dict)
    tiers: dict[int, str] = field(default_factory=dict)
    overrides: dict[Account, Override] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)

    def of(self, account: Account, now: datetime) -> Limits:
        """Return the limits of an account."""
        limits = self.of_tiers.get((self.tiers.get(account.owner, "0"), account.currency), {})
        override = self.overrides.get(account)
        return {**limits, **override.limits} if override is not None and now < override.until else limits

    def used(self, account: Account, now: datetime) -> Iterator[tuple[str, int]]:
        """Yield what was used in each window until now, by the name of its limit."""
        today = (now + KIGALI).date()
        for window in ("daily", "weekly", "monthly"):
            for direction in ("outgoing", "incoming"):
                uses = [
                    one
                    for one in self.uses
                    if (one.account, one.direction) == (account, direction)
                    and begin_of(window, one.day) == begin_of(window, today)
                ]
                yield f"{window}_{direction}_amount", sum(one.amount for one in uses)
                yield f"{window}_{direction}_count", sum(one.count for one in uses)

    def use(self, nets: Mapping[Account, int], balances: Mapping[Account, int], now: datetime) -> list[Use] | None:
        """Count what a transaction moves; return what it uses, or None if a limit does not allow it.

        Args:
            nets: what it moves into each account, or out of it.
            balances: what is in all wallets of these accounts afterwards.
            now: when.
        """
        today = (now + KIGALI).date()
        new = [Use(one, today, "outgoing" if net < 0 else "incoming", abs(net)) for one, net in nets.items() if net]
        self.uses += new
        for one in new:
            limits = self.of(one.account, now)
            reached = {"largest_transaction": one.amount, **dict(self.used(one.account, now))}
            reached = {name: value for name, value in reached.items() if one.direction in name or "largest" in name}
            if one.direction == "incoming":
                reached["largest_balance"] = balances[one.account]
            if any(name in limits and value > limits[name] for name, value in reached.items()):
                del self.uses[-len(new) :]
                return None
        return new

    def allow(self, account: Account, net: int, balance: int, now: datetime) -> bool:
        """Return whether limits allow what would be moved in an account, and would leave this balance."""
        used = self.use({account: net}, {account: balance}, now)
        if used:
            del self.uses[-len(used) :]
        return used is not None

    @staticmethod
    def give_back(uses: Iterable[Use], part: Callable[[int], int], *, is_whole: bool) -> None:
        """Give back a part of what a transaction has used; its number does not count once nothing is left of it."""
        for one in uses:
            one.given_back += part(one.moved)
            one.count -= is_whole
