"""The export of everything that is held about a customer, to be given to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tekana.domain.answers import CustomerWithWallets
from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import customer_caller
from tekana.domain.identifiers import CustomerId
from tekana.domain.transaction import Transaction
from tekana.ports.customers import Customers
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import ApprovalAbout, PersonalData, SignInData, StoredAnswer
from tekana.ports.readers import Readers
from tekana.ports.transactions import TransactionFilter


class RecordedPersonalData:
    """Implements tekana.ports.personal_data.PersonalData: reads of it are recorded, each before its answer.

    Args:
        port: the reader.
        record: records a read of what is held about a customer. It may raise Unavailable.
    """

    def __init__(self, port: PersonalData, record: Callable[[CustomerId], Awaitable[None]]) -> None:
        self._port = port
        self._record = record

    async def sign_in(self, customer_id: CustomerId) -> SignInData:
        found = await self._port.sign_in(customer_id)
        await self._record(customer_id)
        return found

    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        """Return the entries: they are a later part of what `sign_in` begins."""
        return await self._port.audit_entries(customer_id, page)

    async def approvals(self, customer_id: CustomerId, page: PageRequest) -> Page[ApprovalAbout]:
        """Return the approvals: likewise."""
        return await self._port.approvals(customer_id, page)

    async def answers(self, customer_id: CustomerId, page: PageRequest) -> Page[StoredAnswer]:
        """Return the answers: likewise."""
        return await self._port.answers(customer_id, page)


class Profile(NamedTuple):
    """The part of an export that is no list: the customer with their wallets, and how they sign in."""

    customer: CustomerWithWallets
    sign_in: SignInData


class CustomerExport:
    """Everything that is held about a customer, who may be erased: then it is what has to stay.

    It has what belongs to the customer, and is the same for every caller: of a transaction, the entries of the
    customer's wallets only; of the audit log, no other people. Methods raise CustomerNotFound for a customer that the
    caller has no access to, and Unavailable.

    Args:
        customer_id: whose data.
        customers: the reader of the caller.
        personal_data: likewise.
        readers: those of the store or of a gateway.
    """

    def __init__(
        self, customer_id: CustomerId, customers: Customers, personal_data: PersonalData, readers: Readers
    ) -> None:
        self._customer_id = customer_id
        self._customers = customers
        self._personal_data = personal_data
        self._readers = readers

    async def profile(self) -> Profile:
        """Return the customer, and how they sign in."""
        customer = await self._customers.get(self._customer_id)
        return Profile(customer, await self._personal_data.sign_in(customer.customer.id))

    async def transactions(self, profile: Profile, page: PageRequest) -> Page[Transaction]:
        """Return a page of the customer's transactions as they see them, the oldest first."""
        customer = profile.customer.customer
        reader = self._readers.transactions(customer_caller(customer.tenant, customer.id))
        return await reader.list(TransactionFilter(), page, newest_first=False)

    async def audit_entries(self, page: PageRequest) -> Page[AuditEntry]:
        """Return a page of what the customer did, and of what was done about them, the oldest first."""
        return await self._personal_data.audit_entries(self._customer_id, page)

    async def approvals(self, page: PageRequest) -> Page[ApprovalAbout]:
        """Return a page of the approvals about the customer, the oldest first."""
        return await self._personal_data.approvals(self._customer_id, page)

    async def answers(self, page: PageRequest) -> Page[StoredAnswer]:
        """Return a page of the stored answers with the customer's data, in no particular order."""
        return await self._personal_data.answers(self._customer_id, page)
