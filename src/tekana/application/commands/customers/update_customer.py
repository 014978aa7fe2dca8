"""Update the details of a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana.application.commands.command import PartialUpdate
from tekana.application.commands.customers.validation import (
    check_country,
    check_external_id,
    national_number,
    normal_email,
    normal_full_name,
    normal_phone_number,
)
from tekana.application.commands.validation import MetadataField, check_all, check_metadata, check_optional
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact, Customer, contacts
from tekana.domain.errors import (
    ConcurrentUpdate,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    InvalidRequest,
    Refused,
)
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockedState, LockSet


class UpdateCustomer(PartialUpdate, frozen=True, kw_only=True):
    """Change the given details of a customer. None clears an optional one; metadata is replaced as a whole.

    A phone number without a leading + is read as one of `country`, or else of the customer's country.

    Attributes:
        expected_version: the version that the caller read; None means any.
    """

    NAME: ClassVar[str] = "UpdateCustomer"
    SCOPE: ClassVar[Scope] = "customers:write"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    CHANGEABLE: ClassVar[tuple[str, ...]] = ("full_name", "email", "phone_number", "country", "external_id", "metadata")
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

    @property
    def has_personal_data(self) -> bool:
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: check_optional(self.country, check_country),
            lambda: check_optional(self.external_id, check_external_id),
            lambda: check_optional(self.metadata, check_metadata),
            lambda: self._normalize("full_name", normal_full_name),
            lambda: self._normalize("email", normal_email),
            lambda: self._normalize("phone_number", self._normal_phone_number),
        )

    def _normal_phone_number(self, number: str) -> str:
        """Return a number in its normal form; a national one without a country here stays, for `decide`."""
        national = national_number(number) if self.country is UNSET else None
        return national or normal_phone_number(number, None if self.country is UNSET else self.country)

    def _normalize(self, name: str, normal: Callable[[str], str]) -> None:
        given = getattr(self, name)
        if given is not UNSET:
            force_setattr(self, name, normal(given))

    def changes_to(self, customer: Customer) -> dict[str, object]:
        """Return the given fields with their new values; a national phone number is one of the customer's country.

        Raises:
            InvalidRequest: the customer's country has no such number, or is unknown.
        """
        given = self.changes()
        if self._has_national_number:
            given["phone_number"] = normal_phone_number(str(self.phone_number), customer.country)
        return given

    @property
    def _has_national_number(self) -> bool:
        return isinstance(self.phone_number, str) and not self.phone_number.startswith("+")

    def locks(self) -> LockSet:
        given = self.changes()
        if self._has_national_number:
            del given["phone_number"]
        return LockSet(others=(CUSTOMERS.ref(self.customer_id), *map(CONTACTS.ref, _contacts_in(given))))

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return the contact of a national phone number."""
        customer = locked.of(CUSTOMERS).get(self.customer_id)
        if customer is None or not self._has_national_number:
            return LockSet()
        try:
            phone_number = self.changes_to(customer)["phone_number"]
        except InvalidRequest:  # which `decide` raises, too
            return LockSet()
        return LockSet(others=tuple(map(CONTACTS.ref, _contacts_in({"phone_number": phone_number}))))

    def decide(self, book: Book) -> CustomerWithWallets:
        customer = book.customer(self.customer_id)
        customer.require_version(self.expected_version)
        customer.require_open()
        given = self.changes_to(customer)
        book.require_contacts_unused(_contacts_in(given), customer.tenant, customer.id)
        changes = {name: value for name, value in given.items() if getattr(customer, name) != value}
        if changes:
            book.release_contacts(customer)
            updated = customer.update(changes, book.now)
            book.take_contacts(customer)
            book.change_customer(customer, updated)
        return book.with_wallets(customer)


def _contacts_in(changes: Mapping[str, Any]) -> tuple[Contact, ...]:
    """Return the new contacts, which no other customer may have."""
    return contacts(changes.get("email"), changes.get("phone_number"), changes.get("external_id"))
