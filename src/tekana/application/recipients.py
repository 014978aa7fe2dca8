"""Recipients: whom a payer can name by phone number, with a masked name."""

from __future__ import annotations

from typing import NamedTuple

from tekana.application.commands.customers.validation import normal_phone_number
from tekana.domain.caller import Caller
from tekana.domain.errors import RecipientNotFound
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PageRequest
from tekana.ports.readers import Readers


class Recipient(NamedTuple):
    """A customer who can be paid, as other customers see them.

    Attributes:
        phone_number: in E.164 form.
        masked_name: the first letter of each part of the name, such as "A*** U***". Its length says nothing.
    """

    phone_number: str
    masked_name: str


async def find_recipient(readers: Readers, caller: Caller, phone_number: str) -> Recipient:
    """Return the active customer of the caller's tenant who has a phone number.

    Raises:
        InvalidRequest: it is no phone number.
        RecipientNotFound: no active customer of the tenant has it.
        Unavailable: the store cannot be reached.
    """
    number = normal_phone_number(phone_number)
    # Of all customers of the tenant, also for a customer: they see nothing of the customer but the masked name.
    in_tenant = Caller(caller.tenant, caller.subject, frozenset({"customers:read"}))
    which = CustomerFilter(phone_number=number, status="active")
    for one in (await readers.customers(in_tenant).list(which, PageRequest(1))).items:
        return Recipient(number, masked_name(one.customer.full_name))
    raise RecipientNotFound("no customer with this phone number can be paid")


def masked_name(full_name: str) -> str:
    """Return the first letter of each part of a name, each followed by three asterisks."""
    return " ".join(f"{part[0]}***" for part in full_name.split())
