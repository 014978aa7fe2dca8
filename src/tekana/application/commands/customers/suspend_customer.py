"""Suspend a customer: none of their wallets may move money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import check_text
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, Refused
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockSet


class SuspendCustomer(Struct, frozen=True, kw_only=True):
    """Suspend a customer, with the reason. Does nothing if they are suspended already."""

    NAME: ClassVar[str] = "SuspendCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerNotFound, CustomerNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"reason": "documents under review"}

    customer_id: CustomerId
    reason: str

    @property
    def has_personal_data(self) -> bool:
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_text("reason", self.reason, most=500)

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_open()
        if customer.active:
            suspended = customer.suspend(self.reason, book.now)
            book.propagate_status(customer)
            book.change_customer(customer, suspended)
        return book.with_wallets(customer)
