"""Reactivate: a suspended customer's wallets may move money again."""

from __future__ import annotations

from tekana.application.commands.command import Struct
from tekana.domain.book import Book, CustomerWithWallets, LockSet
from tekana.domain.events import CustomerReactivated
from tekana.domain.identifiers import CustomerId


class ReactivateCustomer(Struct, frozen=True, kw_only=True):
    """End a suspension. A customer who is active already stays as they are.

    Refused with: CustomerNotFound, CustomerNotActive (closed).
    """

    customer_id: CustomerId

    def locks(self) -> LockSet:
        return LockSet(customers=(self.customer_id,))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_open()
        if not customer.active:
            customer.status = "active"
            customer.suspension_reason = None
            book.propagate_status(customer)
            sequence = book.change_customer(customer)
            book.record(CustomerReactivated(customer_id=customer.id, sequence=sequence, occurred_at=book.now))
        return book.with_wallets(customer)
