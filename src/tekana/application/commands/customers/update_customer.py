"""Update the details of a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import (
    MetadataField,
    check_all,
    check_country,
    check_external_id,
    check_metadata,
    check_optional,
    normal_email,
    normal_full_name,
    normal_phone_number,
)
from tekana.domain.book import Book, CustomerWithWallets
from tekana.domain.caller import Scope
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact, contacts
from tekana.domain.errors import (
    ConcurrentUpdate,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    Refused,
    invalid,
)
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockSet

_CHANGEABLE = ("full_name", "email", "phone_number", "country", "external_id", "metadata")


class UpdateCustomer(Struct, frozen=True, kw_only=True):
    """Change the given details of a customer. None clears an optional one; metadata is replaced as a whole.

    Attributes:
        expected_version: the version that the caller read; None means any.
    """

    NAME: ClassVar[str] = "UpdateCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        CustomerNotFound,
        ConcurrentUpdate,
        CustomerNotActive,
        CustomerExists,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"email": "aline.uwase@example.com", "external_id": None}

    customer_id: CustomerId
    expected_version: int | None = None
    full_name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone_number: str | UnsetType = UNSET
    country: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    metadata: MetadataField | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.changes():
            raise invalid("body", f"must change something: {', '.join(_CHANGEABLE)}")
        check_all(
            lambda: check_optional(self.country, check_country),
            lambda: check_optional(self.external_id, check_external_id),
            lambda: check_optional(self.metadata, check_metadata),
            lambda: self._normalize("full_name", normal_full_name),
            lambda: self._normalize("email", normal_email),
            lambda: self._normalize("phone_number", self._normal_phone_number),
        )

    def _normal_phone_number(self, number: str) -> str:
        return normal_phone_number(number, None if self.country is UNSET else self.country)

    def _normalize(self, name: str, normal: Callable[[str], str]) -> None:
        given = getattr(self, name)
        if given is not UNSET:
            force_setattr(self, name, normal(given))

    def changes(self) -> dict[str, object]:
        """Return the given fields with their new values."""
        given = msgspec.structs.asdict(self)
        return {name: given[name] for name in _CHANGEABLE if given[name] is not UNSET}

    def contacts(self) -> tuple[Contact, ...]:
        """Return the new contacts, which no other customer may have."""
        return contacts(self.email or None, self.phone_number or None, self.external_id or None)

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id), *map(CONTACTS.ref, self.contacts())))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_version(self.expected_version)
        customer.require_open()
        book.require_contacts_unused(self.contacts(), customer.id)
        changes = {name: value for name, value in self.changes().items() if getattr(customer, name) != value}
        if changes:
            book.release_contacts(customer)
            updated = customer.update(changes, book.now)
            book.take_contacts(customer)
            book.change_customer(customer, updated)
        return book.with_wallets(customer)
