"""Fees: what the operator charges for a transaction, the tax on it, and who gets a share of it.

A fee is that of the band in which the amount is: a flat part and a percentage, at least the minimum and at most the
maximum. It is rounded half up to a whole minor unit, and so is the tax, which is a percentage of the fee and comes on
top of it. Each share of the fee is rounded down; what is left of the fee is the operator's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Literal, NamedTuple

from tekana.domain.errors import FeeScheduleNotFound, invalid
from tekana.domain.identifiers import FeeScheduleId, WalletId
from tekana.domain.money import Currency
from tekana.domain.value import value

ALL_PPM: Final = 1_000_000
"""The whole of an amount, in parts per million: percentages have up to 4 decimals."""

FeePayer = Literal["payer", "payee"]
"""Who pays a fee: the one who pays the amount, or the one who is paid."""

_PERCENTAGE: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,4})?", re.ASCII)
_PERCENT_DECIMALS: Final = 4


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
    """A part of each fee that others than the operator get: an agent or a partner."""

    wallet_id: WalletId
    percentage_ppm: int


@value(kw_only=True)
class Charge:
    """What a transaction costs, in minor units of the currency of its amount.

    Of a reversal: what it gives back of what its original costs.

    Attributes:
        schedule_id: the schedule that the fee is from.
        paid_by: whose wallet the fee and the tax leave; of a reversal, as of its original.
        currency: that of the schedule.
        fee: the whole fee, with all shares.
        tax: on the fee, beside it.
        shares: what of the fee goes to which wallet, without shares of zero.
    """

    schedule_id: FeeScheduleId
    paid_by: FeePayer
    currency: Currency
    fee: int
    tax: int = 0
    shares: tuple[tuple[WalletId, int], ...] = ()

    @property
    def total(self) -> int:
        """Return what leaves the wallet of the one who pays it."""
        return self.fee + self.tax

    @property
    def operators_part(self) -> int:
        """Return what of the fee is the operator's."""
        return self.fee - sum(amount for _, amount in self.shares)

    @property
    def entry_count(self) -> int:
        """Return the number of entries that it has: two for the fee, for the tax, and for each share."""
        return 2 * (bool(self.fee) + bool(self.tax) + len(self.shares))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """The fees of one type of transaction in one currency, for a time.

    Attributes:
        transaction_type: the type of transaction that it is for.
        tier: the tier of customers that it is for; None for all.
        tenant: the tenant that it is for; None for all.
        bands: in the order of their bounds; the last has none.
        minimum, maximum: of the fee, in minor units; None for none.
        tax_ppm: the tax, in parts per million of the fee.
        shares: at most all of the fee in sum.
        valid_from, valid_until: when it applies; without an end, until it is ended.
        created_by: the subject of the caller who created it.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = (
        *("transaction_type", "currency", "tier", "tenant", "paid_by", "bands", "minimum", "maximum", "tax_ppm"),
        *("shares", "valid_from", "valid_until"),
    )

    id: FeeScheduleId
    transaction_type: str
    currency: Currency
    tier: str | None = None
    tenant: str | None = None
    paid_by: FeePayer
    bands: tuple[FeeBand, ...]
    minimum: int | None = None
    maximum: int | None = None
    tax_ppm: int = 0
    shares: tuple[FeeShare, ...] = ()
    valid_from: datetime
    valid_until: datetime | None = None
    created_by: str
    created_at: datetime

    @property
    def scope(self) -> FeeScope:
        """Return what it is for. Two schedules for the same never apply at the same time."""
        return FeeScope(self.transaction_type, self.currency, self.tier, self.tenant)

    def is_valid(self, at: datetime) -> bool:
        """Return whether it applies at a time."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def overlaps(self, other: FeeSchedule) -> bool:
        """Return whether there is a time at which both apply to the same."""
        begin = max(self.valid_from, other.valid_from)
        ends = [one.valid_until for one in (self, other) if one.valid_until is not None]
        return self.scope == other.scope and all(begin < end for end in ends)

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
        tax = _half_up(fee * self.tax_ppm)
        return Charge(
            schedule_id=self.id, paid_by=self.paid_by, currency=self.currency, fee=fee, tax=tax, shares=positive
        )


class FeeScope(NamedTuple):
    """What a schedule is for."""

    transaction_type: str
    currency: Currency
    tier: str | None
    tenant: str | None

    def __str__(self) -> str:
        tier = "all tiers" if self.tier is None else f"tier {self.tier}"
        tenant = "all tenants" if self.tenant is None else f"tenant {self.tenant}"
        return f"{self.transaction_type} in {self.currency}, {tier}, {tenant}"


def _half_up(parts: int) -> int:
    """Return parts per million as whole units, rounded half up."""
    return (parts + ALL_PPM // 2) // ALL_PPM


def find_schedule(schedules: Iterable[FeeSchedule], at: datetime, *, tenant: str, tier: str) -> FeeSchedule | None:
    """Return the schedule that applies: that for the tenant and the tier, else the tenant, else the tier, else all.

    Args:
        schedules: those of the type of transaction and the currency.
        at: the time of the transaction.
        tenant: that of the wallets.
        tier: that of the customer who asked for the transaction: the payer; of a deposit, the one who is paid.
    """
    valid = [one for one in schedules if one.tenant in (None, tenant) and one.tier in (None, tier) and one.is_valid(at)]
    return max(valid, key=_specificity, default=None)


def _specificity(schedule: FeeSchedule) -> tuple[bool, bool]:
    return schedule.tenant is not None, schedule.tier is not None


def find_overlap(new: FeeSchedule, existing: Iterable[FeeSchedule]) -> FeeSchedule | None:
    """Return a schedule that the new one would overlap; None without one."""
    return next((one for one in existing if new.overlaps(one)), None)


def fee_schedule_not_found(fee_schedule_id: FeeScheduleId) -> FeeScheduleNotFound:
    """Build the error of a schedule that the caller may not see, or that there is not."""
    return FeeScheduleNotFound(f"no fee schedule has the id {fee_schedule_id}")


def parse_percentage(field: str, text: str) -> int:
    """Return a percentage in parts per million.

    Raises:
        InvalidRequest: it is no decimal string from "0" to "100" with at most 4 decimals.
    """
    if not isinstance(text, str) or not _PERCENTAGE.fullmatch(text):
        raise invalid(field, 'must be a percentage in a string, such as "1.5", with at most 4 decimals')
    whole, _, decimals = text.partition(".")
    ppm = int(whole + decimals.ljust(_PERCENT_DECIMALS, "0"))
    if ppm > ALL_PPM:
        raise invalid(field, "must be at most 100")
    return ppm


def format_percentage(ppm: int) -> str:
    """Return parts per million as a percentage, without zeros that change nothing."""
    whole, parts = divmod(ppm, 10**_PERCENT_DECIMALS)
    decimals = str(parts).rjust(_PERCENT_DECIMALS, "0").rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)
