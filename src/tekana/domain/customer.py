"""The customer: a person who owns wallets.

register ──> active ──suspend──> suspended ──close──> closed (final)
               ^ └───────────────close──────────────────^
               └────reactivate───────┘

A closed customer's personal data can be erased: their id and the history of their money stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, NamedTuple

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.errors import ConcurrentUpdate, CustomerNotActive, CustomerNotErasable
from tekana.domain.events import (
    CustomerClosed,
    CustomerErased,
    CustomerReactivated,
    CustomerRegistered,
    CustomerSuspended,
    CustomerUpdated,
    CustomerVerified,
    LimitsOverridden,
)
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import LimitOverride
from tekana.domain.lock_set import LockKind
from tekana.domain.metadata import Metadata

CustomerStatus = Literal["active", "suspended", "closed"]


class Contact(NamedTuple):
    """A contact detail that only one customer of a tenant (of those not closed) may have."""

    field: Literal["email", "phone_number", "external_id"]
    value: str


def contacts(email: str | None, phone_number: str | None, external_id: str | None) -> tuple[Contact, ...]:
    """Return a Contact for each value that is not None."""
    email_contact = () if email is None else (Contact("email", email),)
    phone_contact = () if phone_number is None else (Contact("phone_number", phone_number),)
    external_contact = () if external_id is None else (Contact("external_id", external_id),)
    return (*email_contact, *phone_contact, *external_contact)


@dataclass(slots=True, kw_only=True)
class Customer:
    """A person who owns wallets. Email, phone number and external id are unique among the customers of a
    tenant that are not closed.

    `version` counts the changes: 1 when registered, one more with each; it is also the sequence of the customer's last
    event. `tier` is the level to which the operator has verified the person's identity; None until then. `erased_at` is
    when the personal data were erased; None until then. Afterwards they are empty. `limit_overrides` has one for each
    currency at most, also when its time is over.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = ("status", "tier", "limit_overrides", "erased_at")
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]] = (
        *("full_name", "email", "phone_number", "country", "external_id", "metadata", "suspension_reason"),
    )

    id: CustomerId
    full_name: str
    email: str
    phone_number: str
    country: str | None
    external_id: str | None
    metadata: Metadata | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    tenant: str = MAIN_TENANT
    status: CustomerStatus = "active"
    suspension_reason: str | None = None
    tier: str | None = None
    version: int = 1
    erased_at: datetime | None = None
    limit_overrides: tuple[LimitOverride, ...] = ()

    @property
    def active(self) -> bool:
        """Return whether the customer's wallets may move money."""
        return self.status == "active"

    @property
    def event_count(self) -> int:
        """Return the number of the customer's events."""
        return self.version

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Return the contact details, which no other open customer may have."""
        return () if self.erased_at else contacts(self.email, self.phone_number, self.external_id)

    def register(self) -> CustomerRegistered:
        """Return the event of a new customer."""
        return CustomerRegistered(
            customer_id=self.id, sequence=self.version, occurred_at=self.updated_at, country=self.country
        )

    def update(self, changes: Mapping[str, object], at: datetime) -> CustomerUpdated:
        """Set the given fields; `changes` has only fields whose values differ."""
        for name, value in changes.items():
            setattr(self, name, value)
        self._change(at)
        return CustomerUpdated(
            customer_id=self.id, sequence=self.version, occurred_at=self.updated_at, changed=tuple(changes)
        )

    def verify(self, tier: str, at: datetime) -> CustomerVerified:
        """Record the level to which the customer's identity is verified."""
        self.tier = tier
        self._change(at)
        return CustomerVerified(customer_id=self.id, sequence=self.version, occurred_at=self.updated_at, tier=tier)

    def override_limits(self, override: LimitOverride, at: datetime) -> LimitsOverridden:
        """Replace limits of the customer's tier in a currency; an earlier override in it ends."""
        others = (one for one in self.limit_overrides if one.currency != override.currency)
        self.limit_overrides = (*others, override)
        self._change(at)
        return LimitsOverridden(
            customer_id=self.id,
            sequence=self.version,
            occurred_at=self.updated_at,
            currency=override.currency,
            until=override.until,
            **override.limits._asdict(),
        )

    def suspend(self, reason: str, at: datetime) -> CustomerSuspended:
        """Suspend an active customer: none of their wallets may move money."""
        self.status = "suspended"
        self.suspension_reason = reason
        self._change(at)
        return CustomerSuspended(customer_id=self.id, sequence=self.version, occurred_at=self.updated_at)

    def reactivate(self, at: datetime) -> CustomerReactivated:
        """End the suspension of a customer."""
        self.status = "active"
        self.suspension_reason = None
        self._change(at)
        return CustomerReactivated(customer_id=self.id, sequence=self.version, occurred_at=self.updated_at)

    def close(self, at: datetime) -> CustomerClosed:
        """Close the customer for good."""
        self.status = "closed"
        self.suspension_reason = None
        self._change(at)
        return CustomerClosed(customer_id=self.id, sequence=self.version, occurred_at=self.updated_at)

    def erase(self, at: datetime) -> CustomerErased:
        """Erase the personal data for good."""
        self.full_name = self.email = self.phone_number = ""
        self.country = self.external_id = self.metadata = None
        self._change(at)
        self.erased_at = self.updated_at
        return CustomerErased(customer_id=self.id, sequence=self.version, occurred_at=self.updated_at)

    def _change(self, at: datetime) -> None:
        """Count a change. `updated_at` never decreases, even if the clock was set back."""
        self.version += 1
        self.updated_at = max(at, self.updated_at)

    def require_version(self, expected: int | None) -> None:
        """Check that the caller read the present version. None means any version.

        Raises:
            ConcurrentUpdate: the customer has another version now.
        """
        if expected is not None and expected != self.version:
            raise ConcurrentUpdate(f"the customer is at version {self.version} now, not {expected}: read it again")

    def require_open(self) -> None:
        """Raise CustomerNotActive if the customer is closed."""
        if self.status == "closed":
            raise CustomerNotActive("the customer is closed")

    def require_erasable(self, retention: timedelta, now: datetime) -> None:
        """Raise CustomerNotErasable unless the customer has been closed for the retention period.

        Nothing changes a closed customer, so the last change is the closing.
        """
        if self.status != "closed":
            raise CustomerNotErasable(f"the customer is {self.status}: close them first")
        until = self.updated_at + retention
        if now < until:
            raise CustomerNotErasable(f"the customer's data have to be kept until {until:%Y-%m-%d}")

    def require_active(self) -> None:
        """Raise CustomerNotActive if the customer is suspended or closed."""
        if not self.active:
            raise CustomerNotActive(f"the customer is {self.status}")


CUSTOMERS: Final = LockKind[CustomerId, Customer]("customer")
"""The lock kind of customers: their wallets are locked with them."""

CONTACTS: Final = LockKind[Contact, dict[str, CustomerId]]("contact")
"""The lock kind of contacts: which customer has one, by tenant. Read but not locked, as unique indexes decide races."""
