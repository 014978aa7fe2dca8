"""Suspend: none of a customer's wallets may move money."""

from __future__ import annotations

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import check_text
from tekana.domain.book import Book, CustomerWithWallets, LockSet
from tekana.domain.events import CustomerSuspended
from tekana.domain.identifiers import CustomerId


class SuspendCustomer(Struct, frozen=True, kw_only=True):
    """Stop all money of a customer, with the reason. A customer who is suspended already stays as they are.

    Refused with: CustomerNotFound, CustomerNotActive (closed).
    """

    customer_id: CustomerId
    reason: str

    def __post_init__(self) -> None:
        check_text("reason", self.reason, most=500)

    def locks(self) -> LockSet:
        return LockSet(customers=(self.customer_id,))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_open()
        if customer.active:
            customer.status = "suspended"
            customer.suspension_reason = self.reason
            book.propagate_status(customer)
            sequence = book.change_customer(customer)
            book.record(CustomerSuspended(customer_id=customer.id, sequence=sequence, occurred_at=book.now))
        return book.with_wallets(customer)
