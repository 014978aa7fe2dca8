"""Verify: the operator has established who a customer is."""

from __future__ import annotations

import re

from tekana.application.commands.command import Struct
from tekana.domain.book import Book, CustomerWithWallets, LockSet
from tekana.domain.errors import invalid
from tekana.domain.events import CustomerVerified
from tekana.domain.identifiers import CustomerId

_TIER = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class VerifyCustomer(Struct, frozen=True, kw_only=True):
    """Note to which degree (`tier`, such as "basic" or "full") the customer's identity is established.

    Refused with: CustomerNotFound, CustomerNotActive.
    """

    customer_id: CustomerId
    tier: str

    def __post_init__(self) -> None:
        if not isinstance(self.tier, str) or not _TIER.fullmatch(self.tier):
            raise invalid("tier", "must be 1 to 32 letters, digits, - or _")

    def locks(self) -> LockSet:
        return LockSet(customers=(self.customer_id,))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_active()
        if customer.tier != self.tier:
            customer.tier = self.tier
            sequence = book.change_customer(customer)
            book.record(
                CustomerVerified(customer_id=customer.id, sequence=sequence, occurred_at=book.now, tier=self.tier)
            )
        return book.with_wallets(customer)
