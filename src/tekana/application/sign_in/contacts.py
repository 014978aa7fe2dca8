"""How a customer is found at sign-in: by phone number or email, within a tenant, or by a caller who has access."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from tekana.application.commands.customers.validation import normal_email, normal_phone_number
from tekana.application.commands.validation import check_text
from tekana.domain.caller import Caller
from tekana.domain.customer import Contact
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, InvalidRequest, invalid
from tekana.domain.identifiers import CustomerId
from tekana.domain.policy import can_access
from tekana.ports.message_sender import Channel
from tekana.ports.sign_in_store import Account, CustomerCredentials

_TEXT_LENGTH_MAX: Final = 500


class SignInContact(NamedTuple):
    """A phone number or an email, in its normal form. Its representation hides the value."""

    field: Literal["phone_number", "email"]
    value: str

    def __repr__(self) -> str:
        return f"SignInContact({self.field})"

    @property
    def channel(self) -> Channel:
        """Return how a message reaches it."""
        return "sms" if self.field == "phone_number" else "email"


def sign_in_contact(phone_number: str | None, email: str | None) -> SignInContact:
    """Return the contact of which exactly one is given. The error never contains its value.

    Raises:
        InvalidRequest: none or both are given, or it is malformed, which says nothing about who is registered.
    """
    if (phone_number is None) == (email is None):
        raise invalid("phone_number", "must be given, or email, and not both")
    if phone_number is not None:
        return SignInContact("phone_number", normal_phone_number(phone_number, None))
    return SignInContact("email", normal_email(email or ""))


def is_storable(text: str) -> bool:
    """Return whether a text from outside can be looked for: every database stores it, and it is not too long."""
    try:
        check_text("text", text, most=_TEXT_LENGTH_MAX)
    except InvalidRequest:
        return False
    return True


async def find_customer(credentials: CustomerCredentials, contact: SignInContact, tenant: str) -> CustomerId | None:
    """Return the open customer of a tenant with this contact; None if there is none, also for an impossible tenant."""
    return await credentials.owner_of(Contact(*contact), tenant) if is_storable(tenant) else None


async def account_for(
    caller: Caller, credentials: CustomerCredentials, customer_id: CustomerId, *, active: bool = False
) -> Account:
    """Return the account of a customer, for a caller who reads it, or changes it if it has to be active.

    Raises:
        CustomerNotFound: there is no such customer that the caller has access to.
        CustomerNotActive: the customer is suspended or closed, and may not be.
    """
    account = await credentials.find(customer_id)
    if account is None or not can_access(caller, account.tenant, customer_id):
        raise CustomerNotFound(f"no customer has the id {customer_id}")
    if active and not account.active:
        raise CustomerNotActive("the customer is suspended or closed")
    return account
