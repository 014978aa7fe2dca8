"""Override limits of a customer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from tekana.application.commands.limits.limit_fields import LimitFields
from tekana.application.commands.validation import Time, check_text, to_time
from tekana.domain.answers import OverriddenLimits
from tekana.domain.book import Book
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, Refused, invalid
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import LimitOverride
from tekana.domain.lock_set import LockSet
from tekana.domain.money import parse_currency


class OverrideLimits(LimitFields, frozen=True, kw_only=True):
    """Replace limits of a customer in a currency until a time, with a reason. Those that are left out stay the tier's.

    It ends the override before. One without limits only does that.
    """

    NAME: ClassVar[str] = "OverrideLimits"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerNotFound, CustomerNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "currency": "RWF",
        "reason": "Sells a house, contract 4711",
        "until": "2099-12-31T22:00:00Z",
        "largest_transaction": "30000000",
        "largest_balance": "40000000",
        "daily_incoming_amount": "30000000",
        "weekly_incoming_amount": "30000000",
        "monthly_incoming_amount": "40000000",
    }

    customer_id: CustomerId
    reason: str
    until: Time

    def _checks(self) -> Iterator[Callable[[], object]]:
        own = (
            lambda: check_text("reason", self.reason, most=500),
            lambda: force_setattr(self, "until", to_time("until", self.until)),
        )
        return chain(own, super()._checks())

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> OverriddenLimits:
        """Override the limits. Raises InvalidRequest if the time is over already."""
        until: datetime = self.until
        if until <= book.now:
            raise invalid("until", "must be a time to come")
        customer = book.customer(self.customer_id)
        customer.require_open()
        override = LimitOverride(parse_currency(self.currency), self.limits, self.reason, until)
        if override not in customer.limit_overrides:
            book.change_customer(customer, customer.override_limits(override, book.now))
            book.propagate_limits(customer)
        return OverriddenLimits(customer.id, override)
