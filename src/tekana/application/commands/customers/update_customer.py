"""Update: what is known of a customer changes."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import (
    check_country,
    check_metadata,
    check_text,
    normal_email,
    normal_phone_number,
)
from tekana.domain.book import Book, CustomerWithWallets, LockSet
from tekana.domain.customer import Contact, contacts
from tekana.domain.errors import invalid
from tekana.domain.events import CustomerUpdated
from tekana.domain.identifiers import CustomerId

_CHANGEABLE = ("full_name", "email", "phone_number", "country", "external_id", "metadata")


class UpdateCustomer(Struct, frozen=True, kw_only=True):
    """Change the details that are given; None clears one that may be empty; metadata is replaced whole.

    `expected_version` is the version that the caller read; None stands for any.

    Refused with: CustomerNotFound, ConcurrentUpdate, CustomerNotActive (closed), CustomerExists.
    """

    customer_id: CustomerId
    expected_version: int | None = None
    full_name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone_number: str | UnsetType = UNSET
    country: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    metadata: dict[str, str | int | float | bool | None] | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if not self.changes():
            raise invalid("body", f"must change something: {', '.join(_CHANGEABLE)}")
        country = None if self.country is UNSET else self.country
        if country is not None:
            check_country(country)
        if self.external_id is not UNSET and self.external_id is not None:
            check_text("external_id", self.external_id, most=200, one_line=True)
        if self.metadata is not UNSET and self.metadata is not None:
            check_metadata(self.metadata)
        if self.full_name is not UNSET:
            check_text("full_name", self.full_name, most=200, one_line=True)
            force_setattr(self, "full_name", self.full_name.strip())
        if self.email is not UNSET:
            force_setattr(self, "email", normal_email(self.email))
        if self.phone_number is not UNSET:
            force_setattr(self, "phone_number", normal_phone_number(self.phone_number, country))

    def changes(self) -> dict[str, object]:
        """The fields that are given, with their new values."""
        given = msgspec.structs.asdict(self)
        return {name: given[name] for name in _CHANGEABLE if given[name] is not UNSET}

    def contacts(self) -> tuple[Contact, ...]:
        """What the customer would now have, and no other may."""
        return contacts(self.email or None, self.phone_number or None, self.external_id or None)

    def locks(self) -> LockSet:
        return LockSet(customers=(self.customer_id,), contacts=self.contacts())

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_version(self.expected_version)
        customer.require_open()
        book.require_contacts_unused(self.contacts(), customer.id)
        changed = {name: value for name, value in self.changes().items() if getattr(customer, name) != value}
        if changed:
            book.release_contacts(customer)
            for name, value in changed.items():
                setattr(customer, name, value)
            book.take_contacts(customer)
            sequence = book.change_customer(customer)
            book.record(
                CustomerUpdated(
                    customer_id=customer.id, sequence=sequence, occurred_at=book.now, changed=tuple(changed)
                )
            )
        return book.with_wallets(customer)
