"""Open a wallet: a customer gets another place for money."""

from __future__ import annotations

from dataclasses import replace

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import check_metadata, check_text
from tekana.domain.book import Book, LockSet
from tekana.domain.customer import Customer, Metadata
from tekana.domain.events import WalletOpened
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.money import Currency, parse_currency
from tekana.domain.wallet import Wallet


class OpenWallet(Struct, frozen=True, kw_only=True):
    """Open a wallet in a currency for a customer. A customer may have several in the same currency.

    Refused with: CustomerNotFound, CustomerNotActive.
    """

    customer_id: CustomerId
    currency: str
    name: str | None = None
    metadata: dict[str, str | int | float | bool | None] | None = None

    def __post_init__(self) -> None:
        parse_currency(self.currency)
        if self.name is not None:
            check_text("name", self.name, most=100, one_line=True)
        if self.metadata is not None:
            check_metadata(self.metadata)

    def locks(self) -> LockSet:
        return LockSet(customers=(self.customer_id,))

    def decide(self, book: Book) -> Wallet:
        customer = book.customer(self.customer_id)
        customer.require_active()
        currency = parse_currency(self.currency)
        return replace(open_wallet(book, customer, currency, name=self.name, metadata=self.metadata))


def open_wallet(
    book: Book, customer: Customer, currency: Currency, *, name: str | None = None, metadata: Metadata | None = None
) -> Wallet:
    """Open a wallet of an active customer on the Book."""
    wallet = Wallet(
        id=WalletId(book.new_id()),
        customer_id=customer.id,
        currency=currency,
        name=name,
        metadata=metadata,
        sequence=1,
        created_by=book.caller,
        created_at=book.now,
        updated_at=book.now,
    )
    opened = WalletOpened(
        wallet_id=wallet.id, sequence=1, occurred_at=book.now, customer_id=customer.id, currency=currency
    )
    book.open_wallet(wallet, opened)
    return wallet
