"""Limits: how much money a customer may move in a currency, how often, and how much they may have.

A limit is named by its field of a LimitSet. Amounts are in minor units; None is no limit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, NamedTuple

from tekana.domain.money import Currency, format_minor

TIERS: Final = ("0", "1", "2", "3")
"""The tiers to which operators verify the identity of customers. A customer without a tier is of the first."""

LimitedDirection = Literal["outgoing", "incoming"]

Window = Literal["daily", "weekly", "monthly"]


class LimitSet(NamedTuple):
    """The limits of a tier, or of a customer, in one currency.

    Attributes:
        largest_transaction: the most that one transaction moves.
        largest_balance: the most that is in all of the customer's wallets, once money has come in.
    """

    largest_transaction: int | None = None
    largest_balance: int | None = None
    daily_outgoing_amount: int | None = None
    daily_outgoing_count: int | None = None
    weekly_outgoing_amount: int | None = None
    weekly_outgoing_count: int | None = None
    monthly_outgoing_amount: int | None = None
    monthly_outgoing_count: int | None = None
    daily_incoming_amount: int | None = None
    daily_incoming_count: int | None = None
    weekly_incoming_amount: int | None = None
    weekly_incoming_count: int | None = None
    monthly_incoming_amount: int | None = None
    monthly_incoming_count: int | None = None

    def replaced_by(self, others: LimitSet) -> LimitSet:
        """Return these limits, with those of the others that are set in their place."""
        return LimitSet._make(own if other is None else other for own, other in zip(self, others, strict=True))

    def shown(self, currency: Currency) -> tuple[str, ...]:
        """Return the limits that are set as text, each after its name."""
        return tuple(
            f"{name} {shown_value(name, value, currency)}" for name, value in zip(LIMIT_NAMES, self, strict=True)
            if value is not None
        )  # fmt: skip


LIMIT_NAMES: Final[tuple[str, ...]] = LimitSet._fields
"""The names of all limits."""

WINDOW_NAMES: Final = LIMIT_NAMES[2:]
"""The names of the limits of what is moved in a day, a week or a month."""


def is_count(name: str) -> bool:
    """Return whether a limit is a number of transactions, not an amount."""
    return name.endswith("_count")


def shown_value(name: str, value: int, currency: Currency) -> str:
    """Return the value of a limit as text: a number, or a decimal string in major units."""
    return str(value) if is_count(name) else format_minor(value, currency)


class LimitOverride(NamedTuple):
    """Limits of one customer in a currency, which replace those of their tier until a time; others stay."""

    currency: Currency
    limits: LimitSet
    reason: str
    until: datetime

    def __str__(self) -> str:
        """Return it as text, without the reason, for the audit log."""
        return ", ".join((f"{self.currency} until {self.until.isoformat()}", *self.limits.shown(self.currency)))


class ReachedLimit(NamedTuple):
    """The limit that refused a transaction.

    Attributes:
        left: what may still be moved, in minor units or as a number of transactions.
        resets_at: when all of it may be moved again; None for a limit of no window.
    """

    name: str
    currency: Currency
    limit: int
    left: int
    resets_at: datetime | None

    def __str__(self) -> str:
        """Return what a refusal says."""
        unit = "" if is_count(self.name) else f" {self.currency}"
        limit, left = (shown_value(self.name, value, self.currency) for value in (self.limit, self.left))
        until = "" if self.resets_at is None else f" until {self.resets_at.isoformat()}"
        return f"the limit {self.name} is {limit}{unit}, of which {left}{unit} is left{until}"
