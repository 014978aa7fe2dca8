"""Reactivate a customer: their wallets may move money again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, Refused
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockSet


class ReactivateCustomer(Struct, frozen=True, kw_only=True):
    """End the suspension of a customer. Does nothing if they are active already."""

    NAME: ClassVar[str] = "ReactivateCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerNotFound, CustomerNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    customer_id: CustomerId

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_open()
        if not customer.active:
            reactivated = customer.reactivate(book.now)
            book.propagate_status(customer)
            book.change_customer(customer, reactivated)
        return book.with_wallets(customer)
