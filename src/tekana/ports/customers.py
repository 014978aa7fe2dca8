"""Reading customers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tekana.domain.book import CustomerWithWallets
from tekana.domain.customer import CustomerStatus
from tekana.domain.identifiers import CustomerId
from tekana.ports.page import Page, PageRequest


class CustomerFilter(NamedTuple):
    """Which customers: those that match everything given. Email and phone number as the core normalises them."""

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    status: CustomerStatus | None = None

    @property
    def by_contact(self) -> bool:
        """Whether a contact is given, which at most one open customer has."""
        return any(one is not None for one in (self.email, self.phone_number, self.external_id))


class Customers(Protocol):
    """The customers as last saved. Safe to use from many tasks at once."""

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        """Raises CustomerNotFound if there is none; Unavailable if the store cannot be reached."""
        ...

    async def list(self, which: CustomerFilter, page: PageRequest) -> Page[CustomerWithWallets]:
        """List in the order of their ids, which is the order of registration; by a contact, the open one first.

        Raises InvalidRequest for a bad cursor; Unavailable if the store cannot be reached.
        """
        ...
