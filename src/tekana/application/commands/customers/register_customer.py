"""Register a customer, with a first wallet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.customers.validation import (
    check_country,
    check_external_id,
    normal_email,
    normal_full_name,
    normal_phone_number,
)
from tekana.application.commands.validation import (
    MetadataField,
    check_all,
    check_metadata,
    check_optional,
    require_active_currency,
)
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CONTACTS, Contact, Customer, contacts
from tekana.domain.errors import CustomerExists, Refused
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.money import parse_currency
from tekana.domain.wallet import Wallet


class RegisterCustomer(Struct, frozen=True, kw_only=True):
    """Register a person and open their first wallet in `currency`, or in the operator's if it is left out.

    Attributes:
        country: an ISO 3166 code of two letters; a phone number without a leading + is read as one of that country.
        external_id: the caller's own name for the customer.
    """

    NAME: ClassVar[str] = "RegisterCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (CustomerExists,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "full_name": "Aline Uwase",
        "email": "aline@example.com",
        "phone_number": "+250788123456",
        "country": "RW",
        "external_id": "crm-4711",
    }

    full_name: str
    email: str
    phone_number: str
    country: str | None = None
    external_id: str | None = None
    currency: str | None = None
    metadata: MetadataField | None = None

    @property
    def has_personal_data(self) -> bool:
        return True

    def __post_init__(self) -> None:
        check_all(
            lambda: force_setattr(self, "full_name", normal_full_name(self.full_name)),
            lambda: force_setattr(self, "email", normal_email(self.email)),
            lambda: force_setattr(self, "phone_number", normal_phone_number(self.phone_number, self.country)),
            lambda: check_optional(self.country, check_country),
            lambda: check_optional(self.external_id, check_external_id),
            lambda: check_optional(self.currency, parse_currency),
            lambda: check_optional(self.metadata, check_metadata),
        )

    def contacts(self) -> tuple[Contact, ...]:
        """Return the contacts that no other customer of the tenant may have."""
        return contacts(self.email, self.phone_number, self.external_id)

    def locks(self) -> LockSet:
        return LockSet(others=tuple(map(CONTACTS.ref, self.contacts())))

    def decide(self, book: Book) -> CustomerWithWallets:
        currency = require_active_currency(self.currency or book.default_currency)
        book.require_contacts_unused(self.contacts(), book.caller.tenant)
        customer = Customer(
            id=CustomerId(book.new_id()),
            full_name=self.full_name,
            email=self.email,
            phone_number=self.phone_number,
            country=self.country,
            external_id=self.external_id,
            metadata=self.metadata,
            created_by=book.caller.subject,
            created_at=book.now,
            updated_at=book.now,
            tenant=book.caller.tenant,
        )
        book.register(customer)
        wallet = Wallet(
            id=WalletId(book.new_id()),
            customer_id=customer.id,
            currency=currency,
            created_by=book.caller.subject,
            created_at=book.now,
            updated_at=book.now,
            tenant=customer.tenant,
        )
        book.open_wallet(wallet)
        return book.with_wallets(customer)
