"""Register: a person becomes a customer, with a first wallet."""

from __future__ import annotations

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import (
    check_country,
    check_metadata,
    check_text,
    normal_email,
    normal_phone_number,
)
from tekana.application.commands.wallets.open_wallet import open_wallet
from tekana.domain.book import Book, CustomerWithWallets, LockSet
from tekana.domain.customer import Contact, Customer, contacts
from tekana.domain.events import CustomerRegistered
from tekana.domain.identifiers import CustomerId
from tekana.domain.money import parse_currency


class RegisterCustomer(Struct, frozen=True, kw_only=True):
    """Register a person and open their first wallet in `currency`, or in the operator's when it is not given.

    `country` is an ISO 3166 code of two letters; a phone number without a leading + is read as one of that country.
    `external_id` is the caller's own name for the customer.

    Refused with: CustomerExists, when a customer who is not closed has the same email, phone number or external id.
    """

    full_name: str
    email: str
    phone_number: str
    country: str | None = None
    external_id: str | None = None
    currency: str | None = None
    metadata: dict[str, str | int | float | bool | None] | None = None

    def __post_init__(self) -> None:
        check_text("full_name", self.full_name, most=200, one_line=True)
        if self.country is not None:
            check_country(self.country)
        if self.external_id is not None:
            check_text("external_id", self.external_id, most=200, one_line=True)
        if self.currency is not None:
            parse_currency(self.currency)
        if self.metadata is not None:
            check_metadata(self.metadata)
        force_setattr(self, "full_name", self.full_name.strip())
        force_setattr(self, "email", normal_email(self.email))
        force_setattr(self, "phone_number", normal_phone_number(self.phone_number, self.country))

    def contacts(self) -> tuple[Contact, ...]:
        """What no other customer may have."""
        return contacts(self.email, self.phone_number, self.external_id)

    def locks(self) -> LockSet:
        return LockSet(contacts=self.contacts())

    def decide(self, book: Book) -> CustomerWithWallets:
        book.require_contacts_unused(self.contacts())
        customer = Customer(
            id=CustomerId(book.new_id()),
            full_name=self.full_name,
            email=self.email,
            phone_number=self.phone_number,
            country=self.country,
            external_id=self.external_id,
            metadata=self.metadata,
            created_by=book.caller,
            created_at=book.now,
            updated_at=book.now,
        )
        registered = CustomerRegistered(
            customer_id=customer.id, sequence=1, occurred_at=book.now, country=customer.country
        )
        book.register(customer, registered)
        open_wallet(book, customer, parse_currency(self.currency) if self.currency else book.default_currency)
        return book.with_wallets(customer)
