"""The limits of a tier in a currency, as the operator has set them: each setting is a version that is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import ClassVar, Final, NewType
from uuid import UUID

from tekana.domain.fees import FeeSchedule
from tekana.domain.limits import TIERS, LimitSet
from tekana.domain.lock_set import LockKind
from tekana.domain.money import Currency
from tekana.domain.rates import Rate
from tekana.domain.terms import BEGINNING, DEFAULT_LIMITS, LimitKey, Terms, TimeZoneSetting, by_transaction

_SHIPPED: Final = "tekana"

TierLimitsId = NewType("TierLimitsId", UUID)

_FIRST_ID: Final = 1 << 80 | 0x7 << 76 | 0b10 << 62


@cache
def tier_limits_id(tier: str, currency: Currency) -> TierLimitsId:
    """Return the id of the limits of a tier in a currency: a UUIDv7 that spells both.

    It is of the second millisecond of 1970: house wallets have those of the first.
    """
    letters = int.from_bytes(currency.encode("ascii"), "big")
    return TierLimitsId(UUID(int=_FIRST_ID | TIERS.index(tier) << 24 | letters))


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLimits:
    """The limits of a tier in a currency, and since when they are in force.

    Attributes:
        version: numbers the settings, from 1.
        set_by: the subject of the caller who has set them.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = ("tier", "currency", "shown_limits")

    tier: str
    currency: Currency
    limits: LimitSet
    version: int
    valid_from: datetime
    set_by: str

    @property
    def id(self) -> TierLimitsId:
        """Return the id, the same for each version."""
        return tier_limits_id(self.tier, self.currency)

    @property
    def shown_limits(self) -> tuple[str, ...]:
        """Return the limits that are set, as text."""
        return self.limits.shown(self.currency)


LIMITS: Final = LockKind[TierLimitsId, TierLimits]("limits")
"""The lock kind of the limits of tiers. A store locks all of them with one, and shows them in the Terms."""


def default_tier_limits() -> dict[TierLimitsId, TierLimits]:
    """Return the limits of a new installation, by id. They are in force from the beginning."""
    settings = [
        TierLimits(tier=tier, currency=currency, limits=one, version=1, valid_from=BEGINNING, set_by=_SHIPPED)
        for (tier, currency), one in DEFAULT_LIMITS.items()
    ]
    return {one.id: one for one in settings}


def in_order(limits: Iterable[TierLimits]) -> tuple[TierLimits, ...]:
    """Return limits by currency, then tier."""
    return tuple(sorted(limits, key=lambda one: (one.currency, one.tier)))


def terms_of(
    limits: Iterable[TierLimits],
    time_zones: Iterable[TimeZoneSetting],
    rates: Iterable[Rate],
    fees: Iterable[FeeSchedule] = (),
    counted_from: datetime = BEGINNING,
) -> Terms:
    """Return the terms: limits in force, all time zones, the latest rate of each pair, and the fee schedules."""
    by_tier = {LimitKey(one.tier, one.currency): one.limits for one in limits}
    by_pair = {one.pair: one for one in rates}
    return Terms(by_tier, tuple(time_zones), by_pair, by_transaction(fees), counted_from)
