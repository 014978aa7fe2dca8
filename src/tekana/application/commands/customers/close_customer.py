"""Close a customer: they leave, and their email, phone number and external id are free again."""

from __future__ import annotations

from tekana.application.commands.command import Struct
from tekana.application.commands.wallets.close_wallet import close_wallet
from tekana.domain.book import Book, CustomerWithWallets, LockSet
from tekana.domain.events import CustomerClosed
from tekana.domain.identifiers import CustomerId


class CloseCustomer(Struct, frozen=True, kw_only=True):
    """Close a customer and their wallets, which must all be empty. Final. A closed customer stays closed.

    Refused with: CustomerNotFound, WalletNotEmpty.
    """

    customer_id: CustomerId

    def locks(self) -> LockSet:
        return LockSet(customers=(self.customer_id,))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        if customer.status != "closed":
            wallets = book.wallets_of(customer.id)
            for wallet in wallets:
                wallet.require_empty()
            for wallet in wallets:
                close_wallet(book, wallet)
            customer.status = "closed"
            customer.suspension_reason = None
            book.propagate_status(customer)
            book.release_contacts(customer)
            sequence = book.change_customer(customer)
            book.record(CustomerClosed(customer_id=customer.id, sequence=sequence, occurred_at=book.now))
        return book.with_wallets(customer)
