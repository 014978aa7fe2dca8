"""The reader of customers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tekana.domain.answers import CustomerWithWallets
from tekana.domain.customer import CustomerStatus
from tekana.domain.identifiers import CustomerId
from tekana.ports.page import Page, PageRequest


class CustomerFilter(NamedTuple):
    """Selects the customers that match all given fields; None matches any value.

    Attributes:
        email, phone_number: in the normal form of `tekana.application.commands.validation`.
        external_id: the caller's own name for the customer, compared exactly.
        status: the status of the customer.
    """

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    status: CustomerStatus | None = None

    @property
    def by_contact(self) -> bool:
        """Return whether a contact is given. At most one open customer has it."""
        return any(one is not None for one in (self.email, self.phone_number, self.external_id))


class Customers(Protocol):
    """The customers as last saved. Safe to use from many tasks at once."""

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        """Return a customer and all their wallets, in order of opening.

        Raises:
            CustomerNotFound: no customer has this id.
            Unavailable: the store cannot be reached.
        """
        ...

    async def list(
        self, which: CustomerFilter, page: PageRequest, newest_first: bool = False
    ) -> Page[CustomerWithWallets]:
        """List customers in order of their ids, which is the order of registration, or in the reverse order.

        If the filter has a contact, the open customer comes first.

        Raises:
            InvalidRequest: the cursor is not one of this list.
            Unavailable: the store cannot be reached.
        """
        ...
