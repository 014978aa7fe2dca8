"""The optional capability of a store to keep what customers sign in with.

A method that takes an entry of the audit log saves it in the transaction of its change, if it changes something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from tekana.domain.audit_log import AuditEntry
from tekana.domain.credentials import Credential, OneTimeCode
from tekana.domain.customer import Contact
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.refresh_families import RefreshFamily
from tekana.domain.signing_keys import SigningKey
from tekana.ports.store import Store


class Account(NamedTuple):
    """A customer, as sign-in sees them, always from the primary database.

    Attributes:
        tenant: the tenant of the customer.
        active: whether they are neither suspended nor closed.
        credential: None if they have none yet.
    """

    tenant: str
    active: bool
    credential: Credential | None


class CustomerCredentials(Protocol):
    """The credentials of customers. Safe for many tasks and processes at once. Every method may raise Unavailable."""

    async def owner_of(self, contact: Contact, tenant: str) -> CustomerId | None:
        """Return the customer of a tenant, not closed, who has a contact. It needs none of their personal data."""
        ...

    async def find(self, customer_id: CustomerId) -> Account | None:
        """Return the account of a customer; None if there is no such customer."""
        ...

    async def update(self, customer_id: CustomerId, change: Callable[[Credential], Credential]) -> Credential | None:
        """Change a credential while no other task or process can.

        Args:
            customer_id: whose credential it is.
            change: a pure function of the stored credential.

        Returns:
            The changed credential; None if the customer has none.
        """
        ...

    async def replace(
        self,
        credential: Credential,
        entry: AuditEntry,
        code_id: UUID | None = None,
        compared: Credential | None = None,
    ) -> bool:
        """Store a customer's first or new credential, end their refresh families and delete their codes, in one.

        Args:
            credential: the credential.
            entry: the entry of the audit log.
            code_id: the one-time code that allows it; it must be stored still, and is deleted.
            compared: the credential whose password allows it; it must not have been replaced since.

        Returns:
            False if the code was used already, or the compared credential was replaced; nothing is changed then.
        """
        ...


class RefreshFamilies(Protocol):
    """The families of refresh tokens. Safe for many tasks and processes at once. Every method may raise Unavailable.

    A unit of work that saves a customer who is not active ends their families in the same transaction.
    """

    async def add(self, family: RefreshFamily, credential: Credential) -> bool:
        """Add a family, and drop the customer's expired and ended ones, and the oldest beyond FAMILIES_MAX.

        Args:
            family: the family.
            credential: the credential whose password was compared.

        Returns:
            False if the customer is not active, or their credential was replaced since; nothing is added then.
        """
        ...

    async def update(
        self,
        family_id: UUID,
        change: Callable[[RefreshFamily], RefreshFamily],
        entry_of_end: Callable[[RefreshFamily], AuditEntry] | None = None,
    ) -> RefreshFamily | None:
        """Change a family while no other task or process can.

        Args:
            family_id: the id of the family.
            change: a pure function of the stored family.
            entry_of_end: returns the entry of the audit log if the change ended the family, which is its argument.

        Returns:
            The changed family; None if there is none of this id.
        """
        ...


class OneTimeCodes(Protocol):
    """The one-time codes that were sent. Safe for many tasks and processes at once. Methods may raise Unavailable."""

    async def add(self, code: OneTimeCode, entry: AuditEntry) -> bool:
        """Add a code and an entry of the audit log, and drop the customer's codes that are older than CODES_WINDOW.

        Returns:
            False if the customer has CODES_MAX codes within CODES_WINDOW already; nothing is added then.
        """
        ...

    async def update(self, code_id: UUID, change: Callable[[OneTimeCode], OneTimeCode]) -> OneTimeCode | None:
        """Change a code while no other task or process can; None if there is none of this id."""
        ...


class SigningKeys(Protocol):
    """The keys that sign access tokens. Their private parts are encrypted. Methods may raise Unavailable."""

    async def list(self) -> Sequence[SigningKey]:
        """Return all keys, in order of their periods."""
        ...

    async def add(self, key: SigningKey, entry: AuditEntry) -> None:
        """Add the key of a period and an entry of the audit log. Do nothing if the period has a key already."""
        ...

    async def remove(self, period: int) -> None:
        """Remove the keys of all periods before this one."""
        ...


class Identities(Protocol):
    """Which customers the subjects of outside issuers are. Methods may raise Unavailable."""

    async def find(self, tenant: str, issuer: str, subject: str) -> CustomerId | None:
        """Return the customer that a subject is linked with."""
        ...

    async def list(self, customer_id: CustomerId) -> Sequence[Identity]:
        """Return the links of a customer, in the order of their creation."""
        ...

    async def add(self, identity: Identity, entry: AuditEntry) -> Identity:
        """Link a subject with a customer, and add an entry of the audit log.

        Returns:
            The link of the subject: this one, or an earlier one; nothing is added then.
        """
        ...

    async def remove(self, customer_id: CustomerId, identity_id: UUID, entry: AuditEntry) -> bool:
        """Remove a link of a customer, and add an entry of the audit log. Return False if there is none of this id."""
        ...


@runtime_checkable
class SignInStore(Store, Protocol):
    """A store that keeps what customers sign in with. Not every store has to."""

    @property
    def customer_credentials(self) -> CustomerCredentials:
        """The passwords and PINs of customers."""
        ...

    @property
    def refresh_families(self) -> RefreshFamilies:
        """The families of refresh tokens."""
        ...

    @property
    def one_time_codes(self) -> OneTimeCodes:
        """The one-time codes that were sent."""
        ...

    @property
    def signing_keys(self) -> SigningKeys:
        """The keys that sign access tokens."""
        ...

    @property
    def identities(self) -> Identities:
        """The links with subjects of outside issuers."""
        ...
