"""Erase the personal data of a closed customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.answers import ErasedCustomer
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotErasable, CustomerNotFound, Refused
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockSet
from tekana.domain.wallet import WALLETS


class EraseCustomer(Struct, frozen=True, kw_only=True):
    """Erase the personal data of a customer who has been closed for the retention period. Final.

    The ledger stays whole: wallets, transactions and events have the customer's id only. Does nothing if the data are
    erased already.
    """

    NAME: ClassVar[str] = "EraseCustomer"
    SCOPE: ClassVar[Scope] = "customers:erase"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerNotFound, CustomerNotErasable)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    customer_id: CustomerId

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> ErasedCustomer:
        customer = book.customer(self.customer_id)
        if customer.erased_at is None:
            customer.require_erasable(book.keep_customers, book.now)
            for wallet in book.wallets_of(customer.id):
                wallet.erase()
                book.change(WALLETS, wallet.id, wallet)
            book.change_customer(customer, customer.erase(book.now))
        return ErasedCustomer(customer.id, customer.erased_at or customer.updated_at)
