"""Fees: what the operator charges for a transaction, the tax on it, and who gets a share of it.

A fee is that of the band in which the amount is: a flat part and a percentage, at least the minimum and at most the
maximum. It is rounded half up to a whole minor unit, and so is the tax, which is a percentage of the fee and comes on
top of it. Each share of the fee is rounded down; what is left of the fee is the operator's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from tekana.domain.events import TransactionType
from tekana.domain.identifiers import FeeScheduleId, WalletId
from tekana.domain.money import Currency

ALL_PPM: Final = 1_000_000
"""The whole of an amount, in parts per million: percentages have up to 4 decimals."""

FeePayer = Literal["payer", "payee"]


class FeeBand(NamedTuple):
    """The fee for amounts up to a bound that are above the bound of the band before.

    Attributes:
        up_to: the largest amount in the band, in minor units; None for the last band.
        flat: in minor units.
        percentage_ppm: of the amount, in parts per million.
    """

    up_to: int | None
    flat: int
    percentage_ppm: int


class FeeShare(NamedTuple):
    """A part of each fee that somebody else than the operator gets: an agent or a partner."""

    wallet_id: WalletId
    percentage_ppm: int


class Charge(NamedTuple):
    """What a transaction costs, in minor units.

    Attributes:
        schedule_id: the schedule that the fee is from.
        paid_by: whose wallet the fee and the tax leave.
        fee: the whole fee, with all shares.
        tax: on the fee, beside it.
        shares: what of the fee goes to which wallet, without shares of zero.
    """

    schedule_id: FeeScheduleId
    paid_by: FeePayer
    fee: int
    tax: int
    shares: tuple[tuple[WalletId, int], ...]

    @property
    def total(self) -> int:
        """Return what leaves the wallet of the one who pays it."""
        return self.fee + self.tax

    @property
    def operators_part(self) -> int:
        """Return what of the fee is the operator's."""
        return self.fee - sum(amount for _, amount in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """The fees of one type of transaction in one currency, for a time.

    Attributes:
        tier: the tier of customers that it is for; None for all.
        tenant: the tenant that it is for; None for all.
        bands: in the order of their bounds; the last has none.
        minimum, maximum: of the fee, in minor units; None for none.
        tax_ppm: the tax, in parts per million of the fee.
        shares: at most all of the fee in sum.
        valid_from, valid_until: when it applies; without an end, until it is ended.
    """

    id: FeeScheduleId
    transaction_type: TransactionType
    currency: Currency
    tier: str | None
    tenant: str | None
    paid_by: FeePayer
    bands: tuple[FeeBand, ...]
    minimum: int | None
    maximum: int | None
    tax_ppm: int
    shares: tuple[FeeShare, ...]
    valid_from: datetime
    valid_until: datetime | None
    created_by: str

    @property
    def scope(self) -> tuple[TransactionType, Currency, str | None, str | None]:
        """Return what it is for. Two schedules for the same never apply at the same time."""
        return self.transaction_type, self.currency, self.tier, self.tenant

    def is_valid(self, at: datetime) -> bool:
        """Return whether it applies at a time."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def overlaps(self, other: FeeSchedule) -> bool:
        """Return whether there is a time at which both apply to the same."""
        return (
            self.scope == other.scope
            and (other.valid_until is None or self.valid_from < other.valid_until)
            and (self.valid_until is None or other.valid_from < self.valid_until)
        )

    def charge(self, amount_minor: int) -> Charge | None:
        """Return what a transaction of an amount costs; None if it is free."""
        band = next(one for one in self.bands if one.up_to is None or amount_minor <= one.up_to)
        fee = band.flat + _half_up(amount_minor * band.percentage_ppm)
        if self.minimum is not None:
            fee = max(fee, self.minimum)
        if self.maximum is not None:
            fee = min(fee, self.maximum)
        if fee == 0:
            return None
        shares = [(one.wallet_id, fee * one.percentage_ppm // ALL_PPM) for one in self.shares]
        positive = tuple(one for one in shares if one[1])
        return Charge(self.id, self.paid_by, fee, _half_up(fee * self.tax_ppm), positive)


def _half_up(parts: int) -> int:
    """Return parts per million as whole units, rounded half up."""
    return (parts + ALL_PPM // 2) // ALL_PPM


def find_schedule(schedules: Iterable[FeeSchedule], at: datetime, *, tenant: str, tier: str) -> FeeSchedule | None:
    """Return the schedule that applies: that for the tenant and the tier, else the tenant, else the tier, else all.

    Args:
        schedules: those of the type of transaction and the currency.
        at: the time of the transaction.
        tenant: that of the wallets.
        tier: that of the customer who pays the fee.
    """
    valid = [one for one in schedules if one.tenant in (None, tenant) and one.tier in (None, tier) and one.is_valid(at)]
    return max(valid, key=_specificity, default=None)


def _specificity(schedule: FeeSchedule) -> tuple[bool, bool]:
    return schedule.tenant is not None, schedule.tier is not None


def find_overlap(new: FeeSchedule, existing: Sequence[FeeSchedule]) -> FeeSchedule | None:
    """Return a schedule that the new one would overlap; None without one."""
    return next((one for one in existing if new.overlaps(one)), None)
