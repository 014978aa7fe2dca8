"""Verify a customer: record the level of their identity verification."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, Refused, invalid
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import TIERS
from tekana.domain.lock_set import LockSet

_TIER = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class VerifyCustomer(Struct, frozen=True, kw_only=True):
    """Record the tier, from "0" to "3", to which the operator verified a customer's identity. Limits depend on it."""

    NAME: ClassVar[str] = "VerifyCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerNotFound, CustomerNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"tier": "2"}

    customer_id: CustomerId
    tier: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.tier, str) or not _TIER.fullmatch(self.tier):
            raise invalid("tier", "must be 1 to 32 letters, digits, - or _")

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> CustomerWithWallets:
        """Record the tier. Raises InvalidRequest for another one, as requests from before limits are replayed."""
        customer = book.customer(self.customer_id)
        customer.require_active()
        if self.tier not in TIERS:
            raise invalid("tier", f"must be one of: {', '.join(TIERS)}")
        if customer.tier != self.tier:
            book.change_customer(customer, customer.verify(self.tier, book.now))
        book.propagate_limits(customer)
        return book.with_wallets(customer)
