"""Close a customer, and release their email, phone number and external id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotFound, Refused, WalletNotEmpty
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockSet


class CloseCustomer(Struct, frozen=True, kw_only=True):
    """Close a customer and their wallets, which must all be empty. Final. Does nothing if they are closed already."""

    NAME: ClassVar[str] = "CloseCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerNotFound, WalletNotEmpty)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    customer_id: CustomerId

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        if customer.status != "closed":
            wallets = book.wallets_of(customer.id)
            for wallet in wallets:
                wallet.require_empty()
            for wallet in wallets:
                if wallet.status != "closed":
                    book.change_wallet(wallet, wallet.close(book.now))
            closed = customer.close(book.now)
            book.propagate_status(customer)
            book.release_contacts(customer)
            book.change_customer(customer, closed)
        return book.with_wallets(customer)
