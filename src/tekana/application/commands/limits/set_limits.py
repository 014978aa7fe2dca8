"""Set the limits of a tier in a currency."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar
from uuid import UUID

from tekana.application.commands.limits.limit_fields import LimitFields
from tekana.domain.book import Book
from tekana.domain.errors import HouseForbidden, Refused, invalid
from tekana.domain.limits import TIERS
from tekana.domain.lock_set import LockSet
from tekana.domain.money import parse_currency
from tekana.domain.policy import has_all_tenants
from tekana.domain.tier_limits import LIMITS, TierLimits, tier_limits_id


class SetLimits(LimitFields, frozen=True, kw_only=True):
    """Set the limits of all customers of a tier in a currency, in place of the ones before.

    They are those of every tenant, so the caller needs access to all of them.
    """

    NAME: ClassVar[str] = "SetLimits"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (HouseForbidden,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "tier": "1",
        "currency": "RWF",
        "largest_transaction": "1000000",
        "largest_balance": "2000000",
        "daily_outgoing_amount": "2000000",
        "daily_outgoing_count": 50,
        "monthly_outgoing_amount": "10000000",
    }

    tier: str

    def _checks(self) -> Iterator[Callable[[], object]]:
        return chain((self._check_tier,), super()._checks())

    def _check_tier(self) -> None:
        if self.tier not in TIERS:
            raise invalid("tier", f"must be one of: {', '.join(TIERS)}")

    def partition_key(self) -> UUID:
        """Return the id of the limits."""
        return tier_limits_id(self.tier, parse_currency(self.currency))

    def locks(self) -> LockSet:
        return LockSet(others=(LIMITS.ref(tier_limits_id(self.tier, parse_currency(self.currency))),))

    def decide(self, book: Book) -> TierLimits:
        if not has_all_tenants(book.caller):
            raise HouseForbidden("limits are those of all tenants: this needs the scope tenants:all")
        currency = parse_currency(self.currency)
        limits_id = tier_limits_id(self.tier, currency)
        before = book.locked.of(LIMITS).get(limits_id)
        if before is not None and before.limits == self.limits:
            return before
        after = TierLimits(
            tier=self.tier,
            currency=currency,
            limits=self.limits,
            version=_next_version(book, before),
            valid_from=book.now if before is None else max(book.now, before.valid_from),
            set_by=book.caller.subject,
        )
        book.add(LIMITS, limits_id, after)
        return after


def _next_version(book: Book, before: TierLimits | None) -> int:
    """Return the number of the next version; of several settings in a unit of work, the last is kept."""
    if before is None:
        return 1
    return before.version if before.id in book.changes.added_of(LIMITS) else before.version + 1
